import type { Cluster, Queue } from '../../src/index.ts';
import { faultsOf } from '../../src/testing/index.ts';
import { AcknowledgementProbe, longestSilenceMs } from '../measuring/acknowledgements.ts';
import { caughtUp } from '../measuring/catch-up.ts';
import { systemClock } from '../measuring/clock.ts';
import { SMALL_BYTES, withQueue } from './bench-cluster.ts';
import type { BenchContext, BenchMeasure } from './bench-measure.ts';
import type { Goal } from './figure.ts';

/** A fault that stops or isolates the leader, and its repair. */
interface Fault {
  readonly name: string;
  readonly label: string;
  readonly expectedMs: number;
  readonly countInRound: number;
  readonly goals: readonly Goal[];
  readonly begin: (cluster: Cluster, leader: number) => Promise<void>;
  readonly end: (cluster: Cluster, leader: number) => Promise<void>;
}

/**
 * The longest time in milliseconds between two acknowledgements of a stream of adds (64 B, one a millisecond, none waits for another)
 * around one fault, until another node leads and adds flow again. One value for each fault.
 */
const outageMeasure = ({ name, label, expectedMs, countInRound, goals, begin, end }: Fault): BenchMeasure => ({
  label,
  expectedMs,
  when: 'every-round',
  nodesMin: 3,
  figures: [{ name, unit: 'ms', better: 'less', floor: 'reply', goals }],
  measure: (context) =>
    withQueue(context, async ({ queue, cluster }) => {
      const figures: { readonly figure: string; readonly unit: 'ms'; readonly value: number }[] = [];
      while (figures.length < countInRound && !context.signal.aborted) {
        const leader = await cluster.waitForLeader();
        const value = await longestSilence(queue, cluster, leader, () => begin(cluster, leader), context);
        figures.push({ figure: name, unit: 'ms', value });
        await end(cluster, leader);
        await caughtUp(cluster, leader);
      }
      return figures;
    }),
});

/** The leader's thread ends at an arbitrary point. 10 a round: 50 with the default of five rounds. */
export const leaderKilled = outageMeasure({
  name: 'leader killed: last to next acknowledged add',
  label: 'leader killed',
  expectedMs: 3700,
  countInRound: 10,
  goals: [
    { of: 'median', limit: 50 },
    { of: 'worst', limit: 250 },
  ],
  begin: (cluster, leader) => faultsOf(cluster).kill(leader),
  end: (cluster, leader) => cluster.restart(leader),
});

/** Longer than any outage should be: otherwise the end of the pause could end the outage instead of an election. */
const PAUSE_MS = 1500;

/** The leader's whole thread is stopped (Atomics.wait), its channels stay open. 2 a round. */
export const leaderPaused = outageMeasure({
  name: 'leader paused: last to next acknowledged add',
  label: 'leader paused',
  expectedMs: 4050,
  countInRound: 2,
  goals: [{ of: 'median', limit: 400 }],
  begin: (cluster, leader) => faultsOf(cluster).pause(leader, PAUSE_MS),
  // It wakes by itself; `caughtUp` waits for it.
  end: async () => undefined,
});

/** The leader is cut off from its peers, but not from its clients. 2 a round. */
export const leaderIsolated = outageMeasure({
  name: 'leader isolated: last to next acknowledged add',
  label: 'leader isolated',
  expectedMs: 1900,
  countInRound: 2,
  goals: [{ of: 'median', limit: 400 }],
  begin: (cluster, leader) => faultsOf(cluster).isolate(leader),
  end: (cluster) => faultsOf(cluster).heal(),
});

const PROBE_EVERY_MS = 1;
const ADDS_BEFORE_FAULT = 50;
const POLL_MS = 5;
const AFTERWARDS_MS = 100;
const OUTAGE_MS_MAX = 30_000;

async function longestSilence(
  queue: Queue,
  cluster: Cluster,
  leader: number,
  begin: () => Promise<void>,
  { signal }: BenchContext,
): Promise<number> {
  const payload = new Uint8Array(SMALL_BYTES);
  using probe = new AcknowledgementProbe(() => queue.add('message', payload), PROBE_EVERY_MS);
  await until(() => probe.acknowledgedMs.length >= ADDS_BEFORE_FAULT, signal, 'Adds were not acknowledged before the fault.');
  const faultMs = systemClock.nowMs();
  await begin();
  const survivor = cluster.nodeIds().find((node) => node !== leader) ?? leader;
  const anotherLeads = async (): Promise<boolean> => {
    const { leaderId } = await cluster.status(survivor);
    return leaderId !== null && leaderId !== leader;
  };
  await until(anotherLeads, signal, 'No other node leads.');
  await queue.add('message', payload);
  await systemClock.waitUntil(systemClock.nowMs() + AFTERWARDS_MS, signal);
  return longestSilenceMs(probe.acknowledgedMs, faultMs);
}

/** @throws with `complaint` when it does not hold in time. */
async function until(holds: () => boolean | Promise<boolean>, signal: AbortSignal, complaint: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + OUTAGE_MS_MAX;
  while (!(await holds())) {
    if (signal.aborted) return;
    if (systemClock.nowMs() > deadlineMs) throw new Error(`${complaint} (${OUTAGE_MS_MAX} ms)`);
    await systemClock.waitUntil(systemClock.nowMs() + POLL_MS, signal);
  }
}
