import { SeededRandom } from '../../src/base/random.ts';
import type { FolderFault } from './folder-faults.ts';
import type { FullDisk } from './full-disk.ts';
import type { ProcessFault, StuckRemedy } from './messages.ts';

/**
 * A step of the driver: a fault inside the process, or a kill of the process with a fault in its files.
 */
export type SoakStep =
  | ProcessFault
  | FolderFault
  | FullDisk
  | { readonly type: 'kill-process' }
  /** No fault for this long, after the effects of earlier ones have ended: no node campaigns. */
  | { readonly type: 'calm'; readonly durationMs: number };

/** The numbers of faults below are for a run of this length; longer and shorter ones have more and fewer. */
const FULL_RUN_SECONDS = 60;
/** Growing takes too long for a short run, and so do faults that last for several seconds each. */
const LONG_STEPS_SECONDS_MIN = 20;
const SIZES = [5, 13, 3] as const;
/** On Windows a log cannot be a pipe. */
const STUCK_REMEDIES: readonly StuckRemedy[] = ['restart', 'replace', ...(process.platform === 'win32' ? [] : (['free'] as const))];
const SMALLEST_RUN = { kills: 1, pauses: 1, partitions: 1, processKills: 1 } as const;

/**
 * All steps of a run, in an order that the seed chooses. The changes of size keep their order, spread over the run, so that there are
 * faults at every size.
 */
export function planOf(seconds: number, seed: number): SoakStep[] {
  const random = new SeededRandom(seed);
  const share = seconds / FULL_RUN_SECONDS;
  const times = (count: number, least: number): number => Math.max(least, Math.round(count * share));
  const steps: SoakStep[] = [];
  const add = (count: number, step: () => SoakStep): void => {
    for (let added = 0; added < count; added += 1) steps.push(step());
  };
  const between = (from: number, to: number): number => Math.round(random.nextBetween(from, to));
  add(times(10, SMALLEST_RUN.kills), () => ({ type: 'kill-leader', downMs: between(50, 600) }));
  add(times(4, SMALLEST_RUN.pauses), () => ({ type: 'pause', isLeader: random.nextUnit() < 0.7, durationMs: between(300, 1_200) }));
  add(times(2, SMALLEST_RUN.partitions), () => ({ type: 'partition', durationMs: between(500, 1_500) }));
  add(times(2, 0), () => ({ type: 'isolate', durationMs: between(500, 1_500) }));
  add(times(2, 0), () => ({ type: 'delay', fromMs: 0, toMs: between(5, 30), durationMs: between(500, 1_500) }));
  add(times(1, 0), () => ({ type: 'drop', probability: 0.02, durationMs: 1_000 }));
  add(times(2, 0), () => ({ type: 'transfer' }));
  add(times(2, SMALLEST_RUN.processKills), () => ({ type: 'kill-process' }));
  if (seconds >= LONG_STEPS_SECONDS_MIN) {
    // They take some seconds each: a longer run has a third as many in a minute.
    const longTimes = Math.max(1, Math.round(share / 3));
    add(longTimes, () => ({ type: 'rolled-back-folder', pick: random.nextUnit() }));
    for (const isPutBack of [true, false])
      add(Math.ceil(longTimes / 2), () => ({ type: 'foreign-folder', pick: random.nextUnit(), isPutBack }));
    add(Math.ceil(longTimes / 2), () => ({ type: 'full-disk', remedy: 'start-nodes' }));
    add(Math.ceil(longTimes / 2), () => ({ type: 'full-disk', remedy: 'restart-process' }));
    add(Math.max(1, Math.round(share * 0.75)), () => ({ type: 'calm', durationMs: between(6_000, 12_000) }));
    for (const remedy of STUCK_REMEDIES) add(longTimes, () => ({ type: 'stuck-node', isLeader: random.nextUnit() < 0.5, remedy }));
  }
  shuffle(steps, random);
  if (seconds < LONG_STEPS_SECONDS_MIN) return steps;
  const stretch = steps.length / (SIZES.length + 1);
  return SIZES.reduceRight<SoakStep[]>(
    (all, nodes, at) => all.toSpliced(Math.round(stretch * (at + 1)), 0, { type: 'resize', nodes }),
    steps,
  );
}

/** Fisher and Yates. */
function shuffle(steps: SoakStep[], random: SeededRandom): void {
  for (let last = steps.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random.nextUnit() * (last + 1));
    const [one, two] = [steps[last], steps[other]];
    if (one === undefined || two === undefined) return;
    steps[last] = two;
    steps[other] = one;
  }
}
