import { JobraftError } from '../../base/errors.ts';
import { type QueueEvent, readEvents } from '../../protocol/events.ts';
import { EVENT_QUEUES_MAX } from '../../protocol/limits.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import type { RequestEncoder } from '../../protocol/request-encoder.ts';
import type { ResultFields } from '../../protocol/results.ts';
import type { ClientTimer } from '../clock.ts';
import type { Batch } from '../delivery/batch.ts';
import { ClientClosedError, ClusterClosedError, DeadlineError, NoLeaderError, NoNodesRunningError, OverloadedError } from '../errors.ts';
import { EventLimitError, EventsLostError } from '../event-errors.ts';
import { unexpectedResult } from '../result-errors.ts';
import type { Client } from './client.ts';

/** How long a subscription lasts: a reader that comes back within this time, by the log clock, has lost nothing. */
export const SUBSCRIPTION_MS = 5 * 60_000;
/** It is renewed every third of it, so that one that fails is repeated in time. Each renewal is a small entry of the log. */
const RENEWAL_SHARE = 3;
/** How long one read waits at its node. A node that is cut off is left after it, and the usual time of silence. */
const READ_WAIT_MS = 10_000;
const READ_COUNT_MAX = 1_000;
/** Pause after a call that failed; longer if only a change of the cluster, or of what the client may do, helps. */
const RETRY_MS = 500;
const REJECTED_RETRY_MS = 10_000;

/** A place among the events of a queue: behind the event of this number. */
export interface EventPlace {
  readonly recording: number;
  readonly after: number;
}

/** The text of an event's id: the number of its recording, and its own within that. */
export const eventIdOf = ({ recording, after }: EventPlace): string => `${recording}-${after}`;

/** @returns undefined if this is no id of an event. */
export function parseEventId(id: string): EventPlace | undefined {
  const [, recording, after] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return recording === undefined || after === undefined ? undefined : { recording: Number(recording), after: Number(after) };
}

/** Where a reader begins: behind the latest event, at the oldest one that is there, or behind a place. */
export type EventStart = 'latest' | 'oldest' | EventPlace;

export interface EventReaderHandlers {
  /** Consecutive events, and the id of the first one. */
  onEvents(events: readonly QueueEvent[], place: EventPlace): void;
  /** The reader goes on from the oldest event that is there, if it is not closed. */
  onLost(error: EventsLostError): void;
  /** A call failed; it is repeated. Not called for one that an election, a deadline or a full node explains. */
  onError(error: Error): void;
  /** The client or its cluster was closed: nothing follows. */
  onEnded(error: Error): void;
}

/**
 * Follows the events of a queue: each once, in their order. It keeps the queue recording them, and goes on from its place whichever node leads.
 * A place that the cluster no longer has is reported, never skipped.
 */
export class EventReader {
  readonly #queue: string;
  readonly #client: Client;
  readonly #handlers: EventReaderHandlers;
  readonly #start: EventStart;
  /** Resolves once the queue records, and the place is known. */
  readonly ready: Promise<EventPlace>;
  #onReady: (place: EventPlace) => void = () => undefined;
  #onNotReady: (error: Error) => void = () => undefined;
  #place: EventPlace | undefined;
  #query: Batch | undefined;
  #renewal: ClientTimer | undefined;
  #pause: { readonly timer: ClientTimer; readonly end: () => void } | undefined;
  #isClosed = false;

  constructor(queue: string, client: Client, start: EventStart, handlers: EventReaderHandlers) {
    this.#queue = queue;
    this.#client = client;
    this.#start = start;
    this.#handlers = handlers;
    this.ready = new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#onNotReady = reject;
    });
    // Its user may not wait for it.
    this.ready.catch(() => undefined);
  }

  /** Where it is; undefined until it is ready. */
  get place(): EventPlace | undefined {
    return this.#place;
  }

  /** Begins. Call it once. */
  start(): void {
    void this.#run();
  }

  /** Calls no handler any more. @param error of those that wait until it is ready. */
  close(error: Error): void {
    this.#isClosed = true;
    this.#renewal?.cancel();
    this.#pause?.timer.cancel();
    this.#pause?.end();
    if (this.#query !== undefined) this.#client.dispatcher.waitingQueries.cancel(this.#query);
    this.#onNotReady(error);
  }

  /** The place of the latest event now, by a linearizable read. */
  async latest(): Promise<EventPlace> {
    const page = await this.#read({ recording: 0, after: 0 }, 0);
    return { recording: page.recording, after: page.last };
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      try {
        if (this.#place === undefined) await this.#begin();
        else await this.#next(this.#place);
      } catch (error) {
        if (this.#isClosed) return;
        if (error instanceof ClientClosedError || error instanceof ClusterClosedError) {
          this.#isClosed = true;
          this.#renewal?.cancel();
          this.#onNotReady(error);
          this.#handlers.onEnded(error);
          return;
        }
        if (isPassing(error)) await this.#wait(RETRY_MS);
        else {
          this.#handlers.onError(error as Error);
          await this.#wait(REJECTED_RETRY_MS);
        }
      }
    }
  }

  async #begin(): Promise<void> {
    const { recording, first, last } = await this.#subscribe();
    if (this.#isClosed) return;
    this.#renewLater();
    const start = this.#start;
    if (start === 'latest') this.#place = { recording, after: last };
    else if (start === 'oldest') this.#place = { recording, after: first - 1 };
    else this.#place = start;
    this.#onReady(this.#place);
  }

  async #next(place: EventPlace): Promise<void> {
    const page = await this.#read(place, READ_WAIT_MS);
    if (this.#isClosed) return;
    if (!page.isLost) {
      const events = readEvents(page.events);
      this.#place = { recording: place.recording, after: place.after + events.length };
      if (events.length > 0) this.#handlers.onEvents(events, { recording: place.recording, after: place.after + 1 });
      return;
    }
    // The queue may record nothing now: that of the next subscription is the recording that follows.
    const { recording, first } = page.recording === 0 ? await this.#subscribe() : page;
    if (this.#isClosed) return;
    const events = readEvents(page.events);
    this.#place = { recording, after: first - 1 + events.length };
    const oldest = { recording, after: first };
    this.#handlers.onLost(new EventsLostError(this.#queue, eventIdOf(place), page.recording === 0 ? undefined : eventIdOf(oldest)));
    if (events.length > 0 && !this.#isClosed) this.#handlers.onEvents(events, oldest);
  }

  async #subscribe(): Promise<ResultFields<'subscribed'>> {
    const { dispatcher } = this.#client;
    const write = (to: RequestEncoder): void => to.command('subscribeEvents', { queue: this.#queue, ttlMs: SUBSCRIPTION_MS });
    const result = await new Promise<OperationResult>((resolve, reject) => {
      write(dispatcher.open(64));
      dispatcher.commit({ onResult: resolve, onError: reject });
    });
    if (!result.ok || result.type !== 'subscribed') throw unexpectedResult(result);
    if (result.recording === 0) throw new EventLimitError(this.#queue, EVENT_QUEUES_MAX);
    return result;
  }

  async #read({ recording, after: afterId }: EventPlace, waitMs: number): Promise<ResultFields<'events'>> {
    const { waitingQueries } = this.#client.dispatcher;
    const read = { queue: this.#queue, recording, afterId, countMax: READ_COUNT_MAX, waitMs };
    const result = await new Promise<OperationResult>((resolve, reject) => {
      const query = waitingQueries.submit((to) => to.command('readEvents', read), Math.max(waitMs, 1), {
        onResult: resolve,
        onError: reject,
      });
      if (waitMs > 0) this.#query = query;
    });
    if (!result.ok || result.type !== 'events') throw unexpectedResult(result);
    return result;
  }

  #renewLater(delayMs = SUBSCRIPTION_MS / RENEWAL_SHARE): void {
    if (this.#isClosed) return;
    this.#renewal = this.#client.clock.setTimer(() => {
      this.#subscribe().then(
        () => this.#renewLater(),
        // The read reports what is wrong, and a recording that ended.
        () => this.#renewLater(10 * RETRY_MS),
      );
    }, delayMs);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pause = undefined;
        resolve();
      };
      this.#pause = { timer: this.#client.clock.setTimer(end, ms), end };
    });
  }
}

/** A later attempt will do. */
const isPassing = (error: unknown): boolean =>
  error instanceof DeadlineError ||
  error instanceof NoLeaderError ||
  error instanceof NoNodesRunningError ||
  error instanceof OverloadedError ||
  (error instanceof JobraftError && error.code === 'SESSION_EXPIRED');
