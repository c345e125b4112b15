import { mkdirSync } from 'node:fs';
import { z } from 'zod';
import type { Queue } from '../../src/index.ts';
import { withQueue } from '../bench/bench-cluster.ts';
import { CycleLoad } from '../bench/cycle-load.ts';
import { FLOOR } from '../bench/figure.ts';
import { diskLimit } from '../bench/floor.ts';
import { largePayloadAdd } from '../bench/steady-rate.ts';
import { measureSteadyState, STEADY_STATE_EXPECTED_MS } from '../load/steady-state.ts';
import { waitingJobsThatFit } from '../load/waiting-jobs.ts';
import { systemClock } from '../measuring/clock.ts';
import { count, number, optionalNumber } from './cells.ts';
import type { Question, QuestionStep } from './question.ts';
import { measureTimedAdds } from './timed-adds.ts';
import { NOTHING_WATCHED, usedBetween, usedColumns, withWatch } from './used-columns.ts';

const PAYLOADS = [4, 64, 1024, 16_384, 65_536, 262_144, 1_048_576];
/** Of jobs that are added, claimed and completed. */
const COMPLETED_PAYLOADS = [64, 1024, 65_536, 1_048_576];
const UNFINISHED_MAX = 2000;
/** In flight, whatever the size of a payload; of small ones there are `LANES_MAX`, which are fewer bytes. */
const IN_FLIGHT_BYTES = 8_388_608;
const LANES_MAX = 4000;
/** Beyond these an add removes the oldest job, or the jobs would not fit into memory. */
const WAITING_BYTES_MAX = 67_108_864;
const SMALL_BYTES = 64;

const row = z.object({
  /** `jobraft`: adds alone, or jobs that are completed, too; or the machine's disk without it, written by one file, or by one file a node at once. */
  subject: z.enum(['jobraft', 'jobraft, completed', 'disk', 'disk, one file a node']),
  payload_bytes: optionalNumber,
  in_flight: optionalNumber,
  /** Acknowledged adds; of completed jobs, the completions. */
  adds_per_s: optionalNumber,
  /** Payload: 10^6 B a second. */
  mb_per_s: number,
  /** From sending to acknowledgement, with `in_flight` in progress. */
  service_p50_ms: optionalNumber,
  service_p99_ms: optionalNumber,
  /** 1 if the rate became steady. */
  is_steady: count,
  ...usedColumns,
});
export type SizeRow = z.infer<typeof row>;

/** Adds without a consumer in the steady state, by payload size, with the same bytes in flight. */
export const size: Question<SizeRow> = {
  id: 'size',
  asks: 'What does size cost?',
  row,
  rounds: 3,
  steps: [diskStep(), ...PAYLOADS.map(sizeStep), ...COMPLETED_PAYLOADS.map(completedStep)],
};

function diskStep(): QuestionStep<SizeRow> {
  return {
    name: 'disk',
    expectedMs: diskLimit.expectedMs,
    measure: async (context) => {
      mkdirSync(context.dataDir, { recursive: true });
      const figures = await diskLimit.measure({ ...context, medianOf: () => undefined });
      return figures.map(({ figure, value }) => ({
        subject: figure === FLOOR.disk ? 'disk' : 'disk, one file a node',
        ...{ payload_bytes: null, in_flight: null, adds_per_s: null, service_p50_ms: null, service_p99_ms: null },
        mb_per_s: value,
        is_steady: 1,
        ...NOTHING_WATCHED,
      }));
    },
  };
}

function sizeStep(bytes: number): QuestionStep<SizeRow> {
  const lanes = Math.min(LANES_MAX, IN_FLIGHT_BYTES / bytes);
  return {
    name: `${bytes} B`,
    expectedMs: STEADY_STATE_EXPECTED_MS,
    measure: (context) =>
      withQueue({ ...context, medianOf: () => undefined }, async ({ queue, cluster }) => {
        const eventsMax = bytes > SMALL_BYTES ? Number.POSITIVE_INFINITY : waitingJobsThatFit(cluster.nodeIds().length);
        const load = { lanes, add: addOf(queue, bytes), eventsMax };
        const { perSecond, isSteady, p50Ms, p99Ms, samples } = await withWatch(cluster, context.dataDir, (sample) =>
          measureTimedAdds(load, context.signal, sample),
        );
        const rates = { adds_per_s: perSecond, mb_per_s: (perSecond * bytes) / 1e6, is_steady: isSteady ? 1 : 0 };
        const times = { service_p50_ms: p50Ms, service_p99_ms: p99Ms };
        return [{ subject: 'jobraft', payload_bytes: bytes, in_flight: lanes, ...rates, ...times, ...usedBetween(samples) }];
      }),
  };
}

function completedStep(bytes: number): QuestionStep<SizeRow> {
  const unfinishedMax = Math.min(UNFINISHED_MAX, IN_FLIGHT_BYTES / bytes);
  return {
    name: `${bytes} B completed`,
    expectedMs: STEADY_STATE_EXPECTED_MS,
    measure: (context) =>
      withQueue({ ...context, medianOf: () => undefined }, async ({ queue, client, cluster }) => {
        const load = new CycleLoad(queue, client, { bytes, unfinishedMax });
        const { perSecond, isSteady, samples } = await withWatch(cluster, context.dataDir, (sample) =>
          measureSteadyState(load, { clock: systemClock, signal: context.signal, sample }),
        );
        const rates = { adds_per_s: perSecond, mb_per_s: (perSecond * bytes) / 1e6, is_steady: isSteady ? 1 : 0 };
        const times = { service_p50_ms: null, service_p99_ms: null };
        return [
          { subject: 'jobraft, completed', payload_bytes: bytes, in_flight: unfinishedMax, ...rates, ...times, ...usedBetween(samples) },
        ];
      }),
  };
}

function addOf(queue: Queue, bytes: number): () => Promise<unknown> {
  if (bytes > SMALL_BYTES) return largePayloadAdd(queue, bytes, WAITING_BYTES_MAX / bytes);
  const payload = new Uint8Array(bytes);
  return () => queue.add('message', payload);
}
