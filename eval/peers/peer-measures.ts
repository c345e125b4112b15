import { setTimeout as sleep } from 'node:timers/promises';
import { LaneLoad } from '../load/lane-load.ts';
import { measureSteadyState, STEADY_STATE_DEFAULTS, type SteadyLoad, type SteadyState } from '../load/steady-state.ts';
import { waitingJobsThatFit } from '../load/waiting-jobs.ts';
import { systemClock } from '../measuring/clock.ts';
import { samplesNeeded } from '../measuring/latency-summary.ts';
import { quantile } from '../measuring/statistics.ts';
import type { Peer, PeerConsumer, PeerQueue, RunningPeer } from './peer.ts';
import { within } from './server-process.ts';

/** One figure of one round. */
export interface PeerFigure {
  readonly measure: string;
  readonly unit: 'ms' | '/s' | '%';
  readonly value: number;
  /** False for a rate that did not become steady, or was not measured for long enough. Default: true. */
  readonly isSteady?: boolean;
}

export interface MeasureSettings {
  /** How long each load is measured, after its warm-up. */
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
const CYCLE = 'add, claim, complete';
const CONCURRENCY = 100;
const WARM_UP_SHARE = 0.3;
/** No call of a healthy peer takes this long; after it the measurement fails, so that no wait is endless. */
export const STUCK_MS = 60_000;

/** Adds without a consumer; the jobs stay in the queue. */
async function measureAdds(peer: Peer, running: RunningPeer, settings: MeasureSettings): Promise<PeerFigure[]> {
  const queue = await running.openQueue('adds');
  try {
    const load = new LaneLoad({
      lanes: peer.addsInFlight,
      call: () => queue.add(PAYLOAD),
      eventsMax: waitingJobsThatFit(peer.nodes),
    });
    const state = await steadyState(load, settings, () => process.cpuUsage());
    const { perSecond, firstSecondPerSecond, isSteady, measuredMs, samples } = state;
    const figures: PeerFigure[] = [
      { measure: ADDS_MEASURE, unit: '/s', value: perSecond, isSteady },
      { measure: `${ADDS_MEASURE}: first second`, unit: '/s', value: firstSecondPerSecond },
    ];
    if (samples !== undefined) {
      const { before, after } = samples;
      const cpuMs = (after.user + after.system - before.user - before.system) / 1000;
      // Near 100 the client bounds the adds of a peer. jobraft's nodes are threads of the same process.
      figures.push({ measure: "processor of the client's process while adding", unit: '%', value: (100 * cpuMs) / measuredMs });
    }
    return figures.filter(({ value }) => Number.isFinite(value));
  } finally {
    await queue.close();
  }
}

/** @throws when the load is stuck. */
const steadyState = <T>(load: SteadyLoad, { seconds, signal }: MeasureSettings, sample: () => T): Promise<SteadyState<T>> =>
  within(
    STUCK_MS + STEADY_STATE_DEFAULTS.warmUpMsMax + seconds * 1000,
    'a load',
    measureSteadyState(load, { clock: systemClock, signal, sample, measureMs: seconds * 1000 }),
  );

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

/** Adds and completes at the same time: jobs are added as fast as they are completed. */
async function measureCycle(peer: Peer, running: RunningPeer, settings: MeasureSettings): Promise<PeerFigure[]> {
  const queue = await running.openQueue('cycle');
  try {
    const load = new CycleLoad(queue, Math.min(CYCLE_ADDS_IN_FLIGHT, peer.addsInFlight));
    await load.consume();
    try {
      const { perSecond, firstSecondPerSecond, isSteady } = await steadyState(load, settings, () => undefined);
      const figures: PeerFigure[] = [
        { measure: CYCLE, unit: '/s', value: perSecond, isSteady },
        { measure: `${CYCLE}: first second`, unit: '/s', value: firstSecondPerSecond },
      ];
      return figures.filter(({ value }) => Number.isFinite(value));
    } finally {
      await load.close();
    }
  } finally {
    await queue.close();
  }
}

/** Jobs through a full cycle. `stop` ends when all that was added is completed. */
class CycleLoad implements SteadyLoad {
  readonly #queue: PeerQueue;
  readonly #adds: LaneLoad;
  #consumer: PeerConsumer | undefined;
  #added = 0;
  #completed = 0;
  #failure: unknown;

  constructor(queue: PeerQueue, lanes: number) {
    this.#queue = queue;
    this.#adds = new LaneLoad({ lanes, call: () => this.#add() });
  }

  async consume(): Promise<void> {
    this.#consumer = await this.#queue.consume({
      concurrency: CONCURRENCY,
      onCompleted: (count) => {
        this.#completed += count;
      },
      onError: (error) => {
        this.#failure ??= error;
      },
    });
  }

  start(): void {
    this.#adds.start();
  }

  async stop(): Promise<void> {
    await this.#adds.stop();
    const deadlineMs = performance.now() + STUCK_MS;
    while (this.#completed < this.#added && this.#failure === undefined) {
      if (performance.now() > deadlineMs) throw new Error(`Jobs that were added are not completed after ${STUCK_MS} ms.`);
      await sleep(1);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  completed(): number {
    return this.#completed;
  }

  isEnded(): boolean {
    return this.#adds.isEnded() || this.#failure !== undefined;
  }

  async close(): Promise<void> {
    await within(STUCK_MS, 'closing a consumer', this.#consumer?.close() ?? Promise.resolve());
  }

  async #add(): Promise<void> {
    if (this.#added - this.#completed >= CYCLE_BACKLOG_MAX) {
      await sleep(2);
      return;
    }
    this.#added += 1;
    await this.#queue.add(PAYLOAD);
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
