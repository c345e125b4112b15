import type { DeduplicationOptions } from '../../client/api/deduplication-options.ts';
import type { ListedState } from '../../client/api/job-list.ts';
import type { JobOptions } from '../../client/api/job-options.ts';
import { InvalidOptionError } from '../../client/errors.ts';
import { decodeName, type RawData, rawDataOf, rawValueOf } from '../../client/payload.ts';
import type { ReadConsistency } from '../../protocol/client-frame.ts';
import { READ_CONSISTENCIES } from '../../protocol/client-frame.ts';
import type { JobState } from '../../protocol/job-state.ts';
import type { ClaimedJob, JobDetail } from '../../protocol/reply.ts';
import type { DeduplicationProto, JobOptionsProto, PayloadProto } from '../../transport/grpc/jobs-service.ts';

/** In the order of JobState in proto/jobraft.proto, from 1 on. */
const STATES: readonly JobState[] = ['waiting', 'delayed', 'active', 'completed', 'failed', 'waiting-children'];

export function rawDataOfProto(payload: PayloadProto | null | undefined): RawData {
  if (payload?.data === 'json') return { json: payload.json ?? '' };
  if (payload?.data === 'raw') return { bytes: payload.raw ?? new Uint8Array(0) };
  return undefined;
}

export function payloadProto(data: RawData): PayloadProto | null {
  if (data === undefined) return null;
  return 'json' in data ? { data: 'json', json: data.json } : { data: 'raw', raw: data.bytes };
}

/** A zero is the default of a field that was not sent. */
export function jobOptionsOfProto(options: JobOptionsProto | null): JobOptions {
  if (options === null) return {};
  const { attempts, backoff_ms, backoff_type, delay_ms, priority, lifo, keep_completed, keep_failed, custom_id, keep_logs, deduplication } =
    options;
  return {
    delay: delay_ms,
    priority,
    lifo,
    attempts: attempts === 0 ? 1 : attempts,
    backoff: { type: backoff_type === 1 ? 'exponential' : 'fixed', delay: backoff_ms },
    ...keptOfProto('removeOnComplete', keep_completed, options.keep_completed_ms),
    ...keptOfProto('removeOnFail', keep_failed, options.keep_failed_ms),
    ...(custom_id === undefined ? {} : { jobId: custom_id }),
    ...(deduplication == null ? {} : { deduplication: deduplicationOfProto(deduplication) }),
    ...(keep_logs === 0 ? {} : { keepLogs: keep_logs }),
  };
}

function keptOfProto(name: 'removeOnComplete' | 'removeOnFail', count: number | undefined, ms: number): JobOptions {
  if (ms > 0) return { [name]: { age: ms / 1_000, ...(count === undefined ? {} : { count }) } };
  return count === undefined ? {} : { [name]: count };
}

const deduplicationOfProto = ({ id, ttl_ms, extend, replace, keep_last_if_active }: DeduplicationProto): DeduplicationOptions => ({
  ...{ id, ttl: ttl_ms, extend, replace },
  keepLastIfActive: keep_last_if_active,
});

export function consistencyOf(code = 0): ReadConsistency {
  const consistency = READ_CONSISTENCIES[code];
  if (consistency === undefined) throw new InvalidOptionError('consistency', code, 'Give LINEARIZABLE, LEASE or STALE.');
  return consistency;
}

export function listedStateOf(code: number): ListedState {
  const state = STATES[code - 1];
  if (state === undefined)
    throw new InvalidOptionError('state', code, 'Give WAITING, DELAYED, ACTIVE, COMPLETED, FAILED or WAITING_CHILDREN.');
  return state as ListedState;
}

export function claimedJobProto(queue: string, job: ClaimedJob): Readonly<Record<string, unknown>> {
  const { id, token, attempt, attemptsMax, addedMs, isBegun, stalls, payload, customId, tick, progress, deduplicationId } = job;
  return {
    ...{ queue, id: String(id), token, attempt, attempts_max: attemptsMax, added_ms: addedMs, begun: isBegun, stalls },
    ...(customId === undefined ? {} : { custom_id: customId }),
    ...(deduplicationId === undefined ? {} : { deduplication_id: deduplicationId }),
    ...(tick === undefined ? {} : { scheduler: tick.scheduler, scheduled_ms: tick.scheduledMs }),
    ...(payload === undefined ? {} : { name: decodeName(payload), data: payloadProto(rawDataOf(payload)) }),
    ...(progress === undefined ? {} : { progress: payloadProto(rawValueOf(progress)) }),
  };
}

export function jobProto(job: JobDetail): Readonly<Record<string, unknown>> {
  const { id, queue, state, priority, attempt, attemptsMax, stalls, token, addedMs, dueMs, finishedMs } = job;
  const { payload, result, failedReason, customId, tick, progress, deduplicationId } = job;
  return {
    ...{ queue, id: String(id), state: STATES.indexOf(state) + 1, priority, attempts_made: attempt, attempts_max: attemptsMax, stalls },
    ...{ token, added_ms: addedMs },
    ...(customId === undefined ? {} : { custom_id: customId }),
    ...(deduplicationId === undefined ? {} : { deduplication_id: deduplicationId }),
    ...(tick === undefined ? {} : { scheduler: tick.scheduler, scheduled_ms: tick.scheduledMs }),
    ...(payload === undefined ? {} : { name: decodeName(payload), data: payloadProto(rawDataOf(payload)) }),
    // Of an active job it is the end of its lease, in the time of the log.
    ...(state === 'delayed' && dueMs !== undefined ? { due_ms: dueMs } : {}),
    ...(finishedMs === undefined ? {} : { finished_ms: finishedMs }),
    ...(result === undefined ? {} : { result: payloadProto(rawValueOf(result)) }),
    ...(failedReason === undefined ? {} : { failed_reason: failedReason }),
    ...(progress === undefined ? {} : { progress: payloadProto(rawValueOf(progress)) }),
  };
}
