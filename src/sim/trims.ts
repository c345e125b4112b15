import { Probe } from './probe.ts';
import type { SimCluster } from './sim-cluster.ts';
import { checkProperty } from './violation.ts';

const PROBE_CONNECTION = 904;
/** First jobs that are all kept, then jobs that leave one completed job each. */
const KEPT = 6;
const KEEP_ALL = -1;
const KEEP_ONE = 1;

/**
 * After the faults, where a plan bounds how many kept jobs a finished one removes: each removes up to the bound, and the following ones
 * remove the rest, until as many are left as the latest specifies.
 */
export function watchTrims(cluster: SimCluster): void {
  const { trimPerFinishMax } = cluster.plan.bounds;
  if (trimPerFinishMax === undefined) return;
  const probe = new Probe(cluster, PROBE_CONNECTION);
  const keeps = [...Array.from({ length: KEPT }, () => KEEP_ALL), ...Array.from({ length: KEPT }, () => KEEP_ONE)];
  let completed = 0;
  for (const keep of keeps) {
    const shown = probe.finish(keep);
    // The probe's session ended, which is allowed where sessions end early.
    if (shown === undefined) return;
    completed = completedAfter(completed, keep, trimPerFinishMax);
    checkProperty(
      shown === completed,
      'a finished job removes kept ones',
      () => `${shown} completed jobs are kept, and it should be ${completed}`,
    );
    if (keep === KEEP_ONE && completed > KEEP_ONE) cluster.coverage.add('finished job left kept ones for the next to remove');
  }
}

function completedAfter(before: number, keep: number, trimMax: number): number {
  const all = before + 1;
  return keep === KEEP_ALL ? all : Math.max(keep, all - trimMax);
}
