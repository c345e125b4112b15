import '../runtime/check.ts';

export type { NodeAddress, NodeOptions } from '../config/node-config.ts';
export { ForcedCluster, type NewClusterPlan } from './forced-cluster.ts';
export type { FormationWait, NodeListeners, PeerRejection } from './node-listeners.ts';
export { type RestoredNode, restoreNode } from './restored-node.ts';
export { ServedNode } from './served-node.ts';
export { startNode } from './start-node.ts';
