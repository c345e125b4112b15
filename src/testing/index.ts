import '../runtime/check.ts';

export { type ClusterFaults, faultsOf } from './cluster-faults.ts';
