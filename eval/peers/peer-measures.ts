import { setTimeout as sleep } from 'node:timers/promises';
import { samplesNeeded } from '../measuring/latency-summary.ts';
import { quantile } from '../measuring/statistics.ts';
import type { Peer, PeerQueue, RunningPeer } from './peer.ts';
import { within } from './server-process.ts';

/** One figure of one round. */
export interface PeerFigure {
  readonly measure: string;
  readonly unit: 'ms' | '/s' | '%';
  readonly value: number;
}

export interface MeasureSettings {
  /** How long each load runs, after its warm-up. */
  readonly seconds: number;
  /** How long each rate of the open loop is offered, after its warm-up. */
  readonly loadSeconds: number;
  /** The peer's {@link ADDS_MEASURE} in the first round of this session that has it. */
  readonly addsPerSecond: number | undefined;
  /** How often each fault of the leader happens in one round. */
  readonly faults: number;
  /** Of the arrivals of the open loop. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

export type PeerMeasure = (peer: Peer, running: RunningPeer, settings: MeasureSettings) => Promise<PeerFigure[]>;

export interface LabelledMeasure {
  /** Its name where it fails. */
  readonly label: string;
  readonly measure: PeerMeasure;
}

/** In the order of a round. */
export const BASIC_MEASURES: readonly LabelledMeasure[] = [
  { label: 'adds, many in flight', measure: measureAdds },
  { label: 'adds, one at a time', measure: measureAddsAlone },
  { label: 'add, claim, complete', measure: measureCycle },
];

export const PAYLOAD = new Uint8Array(64);
export const ADDS_MEASURE = 'add, 64 B, many in flight';
const CONCURRENCY = 100;
const WARM_UP_SHARE = 0.3;
/** No call of a healthy peer takes this long; after it the measurement fails, so that no wait is endless. */
export const STUCK_MS = 60_000;

async function measureAdds(peer: Peer, running: RunningPeer, settings: MeasureSettings): Promise<PeerFigure[]> {
  const queue = await running.openQueue('adds');
  try {
    await addFor(queue, settings.seconds * WARM_UP_SHARE, peer.addsInFlight, settings.signal);
    const cpuBefore = process.cpuUsage();
    const { count, tookMs } = await addFor(queue, settings.seconds, peer.addsInFlight, settings.signal);
    const { user, system } = process.cpuUsage(cpuBefore);
    return [
      { measure: ADDS_MEASURE, unit: '/s', value: (count * 1000) / tookMs },
      // Near 100 the client bounds the adds of a peer. jobraft's nodes are threads of the same process.
      { measure: "processor of the client's process while adding", unit: '%', value: (user + system) / 10 / tookMs },
    ];
  } finally {
    await queue.close();
  }
}

async function measureAddsAlone(_peer: Peer, running: RunningPeer, settings: MeasureSettings): Promise<PeerFigure[]> {
  const queue = await running.openQueue('adds-alone');
  try {
    await addFor(queue, settings.seconds * WARM_UP_SHARE, 1, settings.signal);
    const tookMs: number[] = [];
    const startMs = performance.now();
    const isEnough = (): boolean => performance.now() - startMs >= settings.seconds * 1000 && tookMs.length >= samplesNeeded(99);
    // A slow peer gets more time, up to a bound, until it has enough samples for a p99.
    while (!isEnough() && performance.now() - startMs < settings.seconds * 5000 && !settings.signal.aborted) {
      const before = performance.now();
      await within(STUCK_MS, 'an add', queue.add(PAYLOAD));
      tookMs.push(performance.now() - before);
    }
    tookMs.sort((a, b) => a - b);
    return [50, 99]
      .filter((percentile) => tookMs.length >= samplesNeeded(percentile))
      .map((percentile) => ({ measure: `add, one at a time, p${percentile}`, unit: 'ms', value: quantile(tookMs, percentile / 100) }));
  } finally {
    await queue.close();
  }
}

const CYCLE_ADDS_IN_FLIGHT = 1000;
/** Without it a peer that adds faster than it completes would be measured with a larger backlog than the others. */
const CYCLE_BACKLOG_MAX = 10_000;

/** Adds and completes at the same time, until all added jobs are completed. */
async function measureCycle(peer: Peer, running: RunningPeer, settings: MeasureSettings): Promise<PeerFigure[]> {
  const queue = await running.openQueue('cycle');
  let added = 0;
  let completed = 0;
  let failure: unknown;
  try {
    const consumer = await queue.consume({
      concurrency: CONCURRENCY,
      onCompleted: (count) => {
        completed += count;
      },
      onError: (error) => {
        failure ??= error;
      },
    });
    try {
      const lanes = Math.min(CYCLE_ADDS_IN_FLIGHT, peer.addsInFlight);
      const load = async (seconds: number): Promise<number> => {
        const atFirst = completed;
        const startMs = performance.now();
        const lane = async (): Promise<void> => {
          while (performance.now() - startMs < seconds * 1000 && !settings.signal.aborted && failure === undefined) {
            if (added - completed >= CYCLE_BACKLOG_MAX) {
              await sleep(2);
              continue;
            }
            added += 1;
            await queue.add(PAYLOAD);
          }
        };
        await within(STUCK_MS + seconds * 1000, 'the adds of a cycle', Promise.all(Array.from({ length: lanes }, lane)));
        await untilCompleted(() => completed >= added || failure !== undefined || settings.signal.aborted);
        if (failure !== undefined) throw failure;
        return ((completed - atFirst) * 1000) / (performance.now() - startMs);
      };
      await load(settings.seconds * WARM_UP_SHARE);
      return [{ measure: 'add, claim, complete', unit: '/s', value: await load(settings.seconds) }];
    } finally {
      await within(STUCK_MS, 'closing a consumer', consumer.close());
    }
  } finally {
    await queue.close();
  }
}

async function untilCompleted(isDone: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + STUCK_MS;
  while (!isDone()) {
    if (performance.now() > deadlineMs) throw new Error(`Jobs that were added are not completed after ${STUCK_MS} ms.`);
    await sleep(1);
  }
}

/** Adds for a duration with a number in flight. @returns how many were acknowledged, and in how many milliseconds. */
async function addFor(
  queue: PeerQueue,
  seconds: number,
  inFlight: number,
  signal: AbortSignal,
): Promise<{ readonly count: number; readonly tookMs: number }> {
  const startMs = performance.now();
  let count = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - startMs < seconds * 1000 && !signal.aborted) {
      await queue.add(PAYLOAD);
      count += 1;
    }
  };
  await within(STUCK_MS + seconds * 1000, 'adds', Promise.all(Array.from({ length: inFlight }, lane)));
  return { count, tookMs: performance.now() - startMs };
}
