import type { NetworkFaults } from './network-faults.ts';
import type { NodeThreads } from './node-threads.ts';

/** The parts of a cluster that fault injection acts on. */
export interface FaultTargets {
  readonly threads: NodeThreads;
  readonly network: NetworkFaults;
}

const targets = new WeakMap<object, FaultTargets>();

/** Makes a cluster's internal parts known to `jobraft/testing`; they are no part of its public API. */
export function registerFaultTargets(cluster: object, parts: FaultTargets): void {
  targets.set(cluster, parts);
}

/** @returns undefined for an object that is no cluster of threads. */
export const faultTargetsOf = (cluster: object): FaultTargets | undefined => targets.get(cluster);
