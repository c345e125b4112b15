import { eventIdOf, parseEventId, SUBSCRIPTION_MS } from '../../client/api/event-reader.ts';
import { checkQueueName } from '../../client/api/queue-name.ts';
import { InvalidOptionError } from '../../client/errors.ts';
import { EventLimitError, EventsLostError } from '../../client/event-errors.ts';
import { rawValueOf } from '../../client/payload.ts';
import { type QueueEvent, readEvents, rowOfEvent, timeOf } from '../../protocol/events.ts';
import { EVENT_QUEUES_MAX } from '../../protocol/limits.ts';
import type { ReadEventsRequestProto, SubscribeEventsRequestProto } from '../../transport/grpc/jobs-service.ts';
import { payloadProto } from './job-protos.ts';
import { resultOf, type ServedCall } from './operations.ts';
import { countOf } from './page-size.ts';

/** Longest wait of one call. */
const WAIT_MS_MAX = 60_000;
const utf8 = new TextDecoder();

/** What a node serves of the service Jobs about the events of a queue. */
export const EVENT_CALLS = {
  SubscribeEvents: async ({ queue, ttl_ms }: SubscribeEventsRequestProto, { client: { dispatcher } }: ServedCall) => {
    checkQueueName(queue);
    const ttlMs = ttl_ms === 0 ? SUBSCRIPTION_MS : ttl_ms;
    const { recording, first, last } = await resultOf('subscribed', (call) => {
      dispatcher.open(64).command('subscribeEvents', { queue, ttlMs });
      dispatcher.commit(call);
    });
    if (recording === 0) throw new EventLimitError(queue, EVENT_QUEUES_MAX);
    return { before_oldest_event_id: eventIdOf({ recording, after: first - 1 }), last_event_id: eventIdOf({ recording, after: last }) };
  },
  ReadEvents: async (request: ReadEventsRequestProto, { client: { dispatcher }, signal }: ServedCall) => {
    const { queue, last_event_id, count_max, wait_ms } = request;
    checkQueueName(queue);
    const place = parseEventId(last_event_id);
    if (place === undefined)
      throw new InvalidOptionError('last_event_id', last_event_id, 'Give an id that SubscribeEvents or ReadEvents returned.');
    const waitMs = Math.min(wait_ms, WAIT_MS_MAX);
    const read = { queue, recording: place.recording, afterId: place.after, countMax: countOf(count_max), waitMs };
    const page = await resultOf('events', (call) => {
      const { waitingQueries } = dispatcher;
      const query = waitingQueries.submit((to) => to.command('readEvents', read), Math.max(waitMs, 1), call);
      signal.addEventListener('abort', () => waitingQueries.cancel(query), { once: true });
    });
    if (page.isLost) {
      const oldest = page.recording === 0 ? undefined : eventIdOf({ recording: page.recording, after: page.first });
      throw new EventsLostError(queue, last_event_id, oldest);
    }
    const { recording, after } = place;
    return { events: readEvents(page.events).map((event, at) => eventProto(event, eventIdOf({ recording, after: after + 1 + at }))) };
  },
};

function eventProto(event: QueueEvent, id: string): object {
  const { name, jobId, customId, atMs, prev = '', attempt } = event;
  const job = jobId === 0 ? '' : customId === '' ? String(jobId) : customId;
  return { id, event: name, job_id: job, at_ms: atMs, prev, attempt, ...detailProto(event) };
}

function detailProto({ name, detail, isCut }: QueueEvent): object {
  switch (rowOfEvent(name).detail) {
    case 'result':
      return isCut ? { left_out: true } : { result: payloadProto(rawValueOf(detail)) };
    case 'reason':
      return { failed_reason: utf8.decode(detail) };
    case 'progress':
      return { progress: payloadProto(rawValueOf(detail)) };
    case 'time':
      return { due_ms: timeOf(detail) };
    case 'deduplicationId':
      return { deduplication_id: utf8.decode(detail) };
    default:
      return {};
  }
}
