import '../runtime/check.ts';

export { type ClusterFaults, faultsOf } from './cluster-faults.ts';
export { NotDrainedError } from './not-drained-error.ts';
export type { TestClock } from './test-clock.ts';
export { startTestCluster, type TestCluster } from './test-cluster.ts';
export type { TestClusterOptions } from './test-cluster-options.ts';
export type { TestConnection } from './test-connection.ts';
