import { z } from 'zod';
import type { Cluster } from '../../../src/index.ts';
import { withCluster } from '../../bench/bench-cluster.ts';
import { CirculatingLoad } from '../../load/circulating-load.ts';
import { type DeliveryTally, tallyDeliveries } from '../../load/delivery-tally.ts';
import { type LoadThreads, openLoadThreads, waitForDeliveries } from '../../load/load-threads.ts';
import { measureSteadyState, STEADY_STATE_EXPECTED_MS } from '../../load/steady-state.ts';
import { systemClock } from '../../measuring/clock.ts';
import { count, number, optionalNumber } from '../cells.ts';
import type { Question, QuestionStep, StepContext } from '../question.ts';
import { offerAfterWarmUp } from './offer-after-warm-up.ts';

/** Of the capacity. */
const RATE_SHARES = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95];
const PAYLOAD_BYTES = 64;
const CONCURRENCY = 100;
/** Of the capacity's load: sent and not yet completed. */
const UNFINISHED_MAX = 2000;
/** So many fit into the threads' memory; no machine delivers more within the longest warm-up and the measured time. */
const CAPACITY_MESSAGES_MAX = 8_000_000;
const WARM_UP_MS = 3000;
export const MEASURED_MS = 20_000;
/** How long what was sent in the warm-up may take to be completed, before the measured time begins. */
const BACKLOG_MS_MAX = 5000;
/** How long an overloaded cluster may take for the replies that are missing when the last message was due, and then for the completions. */
const OVERTIME_MS = 5000;
const START_AND_STOP_MS = 2000;
/** A step is called late beyond this share of late messages, as a run of the replay is. */
export const LATE_SHARE_MAX = 0.01;

const row = z.object({
  /** Offered, as a share of the session's capacity; empty for the capacity itself. */
  rate_share: optionalNumber,
  /** Empty for the capacity, which is offered as fast as messages are completed. */
  offered_per_s: optionalNumber,
  /** Completed in the measured time. */
  achieved_per_s: number,
  /** Of the capacity: 1 if the rate became steady. */
  is_steady: optionalNumber,
  /** Due in the measured time; of the capacity all that were sent. */
  due: count,
  /** Of those. */
  acknowledged: count,
  /** Share of those that were sent more than 20 ms late, or not at all. */
  late_share: optionalNumber,
  /** From when a message was due to its acknowledgement; empty if it falls on a message that has none. */
  acknowledged_p50_ms: optionalNumber,
  acknowledged_p90_ms: optionalNumber,
  acknowledged_p99_ms: optionalNumber,
  acknowledged_p999_ms: optionalNumber,
  /** From when a message was due to its completion by the consumer. */
  completed_p50_ms: optionalNumber,
  completed_p90_ms: optionalNumber,
  completed_p99_ms: optionalNumber,
  completed_p999_ms: optionalNumber,
  /** Acknowledged in the warm-up, and not completed when the measured time began, though it waited for that; empty for the capacity. */
  backlog: optionalNumber,
  /** Of the whole step: acknowledged, and not completed when the wait for it ended. */
  not_completed: count,
  duplicated: count,
  /** Payloads that came back changed, or were never sent. */
  changed: count,
  elections: count,
});
export type LoadRow = z.infer<typeof row>;

/** Messages of 64 B, added and completed: the capacity, then latency at parts of it. */
export const load: Question<LoadRow> = {
  id: 'load',
  asks: 'How much load, at what latency?',
  row,
  rounds: 3,
  steps: [
    { name: 'capacity', expectedMs: STEADY_STATE_EXPECTED_MS + START_AND_STOP_MS, measure: measureCapacity },
    ...RATE_SHARES.map(rateStep),
  ],
};

function rateStep(share: number): QuestionStep<LoadRow> {
  return {
    name: `${Math.round(share * 100)} %`,
    expectedMs: WARM_UP_MS + MEASURED_MS + START_AND_STOP_MS,
    measure: (context) => offerRate(share, context),
  };
}

/** Of the first round, so that each round offers the same rates. @throws {Error} when the session has not measured it. */
export function capacityOf(rows: readonly LoadRow[]): number {
  const capacity = rows.find(({ rate_share }) => rate_share === null)?.achieved_per_s;
  if (capacity === undefined || !(capacity > 0)) throw new Error('The session has no capacity to take parts of.');
  return capacity;
}

const NO_LATENCIES = {
  ...{ acknowledged_p50_ms: null, acknowledged_p90_ms: null, acknowledged_p99_ms: null, acknowledged_p999_ms: null },
  ...{ completed_p50_ms: null, completed_p90_ms: null, completed_p99_ms: null, completed_p999_ms: null },
};

const loadOf = ({ seed }: StepContext) => ({ queue: 'messages', payloadBytes: PAYLOAD_BYTES, payloadSeed: seed });

function measureCapacity(context: StepContext): Promise<readonly LoadRow[]> {
  const { signal } = context;
  return withThreads(context, async (threads, electionsSince) => {
    const options = { ...loadOf(context), messages: CAPACITY_MESSAGES_MAX };
    await threads.consumer.begin({ ...options, concurrency: CONCURRENCY });
    const circulation = new CirculatingLoad(threads, { ...options, unfinishedMax: UNFINISHED_MAX });
    const { perSecond, isSteady } = await measureSteadyState(circulation, { clock: systemClock, signal, sample: () => undefined });
    const sent = await circulation.sent();
    if (!signal.aborted && !(perSecond > 0)) throw new Error(`No capacity was measured: ${sent.firstError ?? 'nothing was completed'}.`);
    await waitForDeliveries(threads, sent.acknowledged, { msMax: OVERTIME_MS, signal });
    const tally = tallyDeliveries(sent, await threads.consumer.end());
    return {
      ...{ rate_share: null, offered_per_s: null, achieved_per_s: perSecond, is_steady: isSteady ? 1 : 0 },
      ...{ due: sent.sent, acknowledged: sent.acknowledged, late_share: null, ...NO_LATENCIES, backlog: null },
      ...faultsOf(tally),
      elections: await electionsSince(),
    };
  });
}

function offerRate(share: number, context: StepContext<LoadRow>): Promise<readonly LoadRow[]> {
  const { rowsSoFar, seed, signal } = context;
  const ratePerSecond = share * capacityOf(rowsSoFar);
  const schedule = { type: 'poisson', ratePerSecond, seed } as const;
  const plan = {
    ...{ schedule, warmUpMs: WARM_UP_MS, measuredMs: MEASURED_MS, backlogMsMax: BACKLOG_MS_MAX, overtimeMs: OVERTIME_MS },
    ...{ payloadBytes: PAYLOAD_BYTES, payloadSeed: seed, concurrency: CONCURRENCY },
  };
  return withThreads(context, async (threads, electionsSince) => {
    const { figures, backlog, tally } = await offerAfterWarmUp(threads, plan, signal);
    const { acknowledgement, completion } = figures;
    return {
      ...{ rate_share: share, offered_per_s: ratePerSecond, achieved_per_s: figures.achievedPerSecond, is_steady: null },
      ...{ due: figures.due, acknowledged: figures.acknowledged, late_share: figures.lateShare },
      acknowledged_p50_ms: acknowledgement.p50Ms,
      acknowledged_p90_ms: acknowledgement.p90Ms,
      acknowledged_p99_ms: acknowledgement.p99Ms,
      acknowledged_p999_ms: acknowledgement.p999Ms,
      completed_p50_ms: completion.p50Ms,
      completed_p90_ms: completion.p90Ms,
      completed_p99_ms: completion.p99Ms,
      completed_p999_ms: completion.p999Ms,
      backlog,
      ...faultsOf(tally),
      elections: await electionsSince(),
    };
  });
}

const faultsOf = ({ lost, duplicated, foreign }: Omit<DeliveryTally, 'completed'>) => ({
  not_completed: lost,
  duplicated,
  changed: foreign,
});

/** A fresh cluster, with a sender and a consumer. @param use is also given what counts the elections since the first leader. */
const withThreads = (
  context: StepContext,
  use: (threads: LoadThreads, electionsSince: () => Promise<number>) => Promise<LoadRow>,
): Promise<readonly LoadRow[]> =>
  withCluster({ ...context, medianOf: () => undefined }, async (cluster) => {
    await using threads = await openLoadThreads(cluster);
    const before = await electionsOf(cluster);
    return [await use(threads, async () => (await electionsOf(cluster)) - before)];
  });

const electionsOf = async (cluster: Cluster): Promise<number> =>
  (await cluster.metrics()).reduce((total, { elections }) => total + elections, 0);
