import { isolatedListener } from '../client/listeners.ts';
import type { ClusterOptions, NodeRepair } from './cluster-options.ts';

/** Listeners for events of a cluster's nodes. None of them throws. */
export interface ClusterListeners {
  readonly onNodeFailure: (node: number, error: Error) => void;
  readonly onRepair: (repair: NodeRepair) => void;
}

/** The user's listeners, or process warnings by default. */
export function clusterListeners({ onNodeFailure = warnOfFailure, onRepair = warnOfRepair }: ClusterOptions): ClusterListeners {
  return { onNodeFailure: isolatedListener('onNodeFailure', onNodeFailure), onRepair: isolatedListener('onRepair', onRepair) };
}

function warnOfFailure(_node: number, error: Error): void {
  process.emitWarning(error.message, { type: 'JobraftNodeFailure' });
}

function warnOfRepair({ node, damage, movedTo }: NodeRepair): void {
  process.emitWarning(`${damage.message} It was moved to ${movedTo}, and node ${node} is being rebuilt from its peers.`, {
    type: 'JobraftRepair',
  });
}
