import { addOptionsOf } from '../../client/api/job-options.ts';
import { checkQueueName } from '../../client/api/queue-name.ts';
import { decodeName, encodeRawPayload, rawDataOf } from '../../client/payload.ts';
import { SCHEDULER_PAYLOAD_BYTES_MAX } from '../../protocol/limits.ts';
import { NO_OFFSET, NO_TICK, type SchedulerDetail, type SchedulerTimes } from '../../protocol/scheduler.ts';
import type {
  ListSchedulersRequestProto,
  SchedulerRequestProto,
  SchedulerTimesProto,
  UpsertSchedulerRequestProto,
} from '../../transport/grpc/jobs-service.ts';
import { jobOptionsOfProto, payloadProto, rawDataOfProto } from './job-protos.ts';
import { done, resultOf, type ServedCall } from './operations.ts';
import { countOf } from './page-size.ts';

/** What a node serves of the service Jobs about job schedulers. */
export const SCHEDULER_CALLS = {
  UpsertScheduler: async (request: UpsertSchedulerRequestProto, served: ServedCall) => {
    const { queue, scheduler, times, immediate, job, request_id } = request;
    checkQueueName(queue);
    const payload = encodeRawPayload(job?.name || scheduler, rawDataOfProto(job?.data), SCHEDULER_PAYLOAD_BYTES_MAX);
    const { delayMs: _, customId, deduplication, ...options } = addOptionsOf(jobOptionsOfProto(job?.options ?? null));
    const set = { ...timesOf(times), scheduler, isImmediate: immediate };
    await done(served, request_id, (encoder) => encoder.upsertScheduler(queue, set, payload, { ...options, delayMs: 0 }), payload.length);
    return {};
  },
  RemoveScheduler: async ({ queue, scheduler, request_id }: SchedulerRequestProto, served: ServedCall) => {
    checkQueueName(queue);
    await done(served, request_id, (encoder) => encoder.command('removeScheduler', { queue, scheduler }));
    return {};
  },
  GetScheduler: async ({ queue, scheduler }: SchedulerRequestProto, { client: { dispatcher } }: ServedCall) => {
    checkQueueName(queue);
    const detail = await resultOf('scheduler', (call) =>
      dispatcher.query('linearizable', (encoder) => encoder.command('getScheduler', { queue, scheduler }), call),
    );
    return schedulerProto(queue, detail);
  },
  ListSchedulers: async ({ queue, start, count_max, descending }: ListSchedulersRequestProto, { client: { dispatcher } }: ServedCall) => {
    checkQueueName(queue);
    const page = { queue, start, countMax: countOf(count_max), isDescending: descending };
    const { schedulers, total } = await resultOf('schedulerIds', (call) =>
      dispatcher.query('linearizable', (encoder) => encoder.command('schedulerIds', page), call),
    );
    return { schedulers, total };
  },
};

/** A zero is the default of a field that was not sent. */
function timesOf(times: SchedulerTimesProto | null): SchedulerTimes {
  const { every_ms = 0, offset_ms = NO_OFFSET, pattern = '', time_zone = '', start_ms = 0, end_ms = 0, count_max = 0 } = times ?? {};
  return { everyMs: every_ms, offsetMs: offset_ms, pattern, tz: time_zone, startMs: start_ms, endMs: end_ms, ticksMax: count_max };
}

function schedulerProto(queue: string, { payload, policy, priority, ...detail }: SchedulerDetail): object {
  return {
    ...{ queue, scheduler: detail.scheduler, count: detail.ticks },
    times: {
      ...{ every_ms: detail.everyMs, pattern: detail.pattern, time_zone: detail.tz },
      ...(detail.offsetMs === NO_OFFSET ? {} : { offset_ms: detail.offsetMs }),
      ...{ start_ms: detail.startMs, end_ms: detail.endMs, count_max: detail.ticksMax },
    },
    ...(detail.nextMs === NO_TICK ? {} : { next_ms: detail.nextMs }),
    job: {
      name: decodeName(payload),
      data: payloadProto(rawDataOf(payload)),
      options: { attempts: policy.attemptsMax, priority, lifo: policy.isLifo },
    },
  };
}
