import { EventEmitter } from 'node:events';
import type { z } from 'zod';
import { EVENT_NAMES, type QueueEvent } from '../../protocol/events.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { InvalidOptionError } from '../errors.ts';
import { type EventsLostError, QueueEventsClosedError } from '../event-errors.ts';
import { callListeners, warnOfThrown } from '../listeners.ts';
import { aBoolean, aValue, checkOptions, optionsOf } from '../option-check.ts';
import { toError } from '../thrown.ts';
import type { Client } from './client.ts';
import { aConnection, acquireClient, CONNECTION_REMEDY, type SharedClient } from './connection-source.ts';
import { argumentsOf, type QueueEventArguments } from './event-arguments.ts';
import { type EventPlace, EventReader, type EventStart, eventIdOf, parseEventId } from './event-reader.ts';
import { UnknownEventError } from './not-supported.ts';
import { checkQueueName } from './queue-name.ts';

export interface QueueEventsOptions {
  /** A cluster, or a Client that the caller creates and closes. */
  readonly connection: ClusterEndpoint | Client;
  /**
   * The id of the event behind which to begin, as a listener got it; '0' for the oldest event that is there, '$' for those that follow from now
   * on; '$'.
   */
  readonly lastEventId?: string;
  /** Begin without a call of run(); true. */
  readonly autorun?: boolean;
}

/** The events of a QueueEvents: those of the queue, and its own. */
export interface QueueEventsMap extends QueueEventArguments {
  /**
   * Events were lost, with an {@link EventsLostError}, and it goes on from the oldest one that is there; or a call failed, and is repeated; or a
   * listener threw.
   */
  error: [error: Error];
  /** It brings no event any more: it was closed, or its client or cluster was. */
  closed: [];
}

const OWN_EVENTS = ['error', 'closed'] as const;
const EMITTER_EVENTS: readonly string[] = ['newListener', 'removeListener'];

/** Options of BullMQ's class, with what to use instead. */
const OPTIONS_MISSING = {
  blockingTimeout: 'A read waits at the cluster until there is an event.',
  prefix: 'Give the queue another name, or use another cluster.',
  skipVersionCheck: 'There is no Redis behind jobraft.',
  skipWaitingForReady: 'Calls wait for the cluster by themselves.',
};

const SCHEMA = optionsOf(
  {
    connection: aConnection,
    lastEventId: aValue<string>(
      (value) => typeof value === 'string' && startOf(value) !== undefined,
      "Give the id of an event, as a listener got it; '0' for the oldest one; or '$' for those that follow.",
    ).optional(),
    autorun: aBoolean.optional(),
  } satisfies Record<keyof QueueEventsOptions, z.ZodType>,
  CONNECTION_REMEDY,
  OPTIONS_MISSING,
);

/** What waits for events of one job. */
export interface JobWatcher {
  onEvent(event: QueueEvent): void;
  onLost(error: EventsLostError): void;
  onClosed(error: Error): void;
}

/**
 * Follows what happens to the jobs of a queue, in any process: each event once, in order, by BullMQ's names. The queue records its events while
 * a QueueEvents is connected, and for five minutes after that; one that begins again with `lastEventId` within this time misses none. Where
 * events were lost, it says so by 'error'.
 */
export class QueueEvents extends EventEmitter<QueueEventsMap> implements AsyncDisposable {
  readonly name: string;
  readonly #lease: SharedClient;
  readonly #reader: EventReader;
  readonly #watchers = new Map<number, Set<JobWatcher>>();
  /** Those that wait until it has read up to an event. */
  #passing: { readonly place: EventPlace; readonly onPassed: () => void }[] = [];
  #isRunning = false;
  #ended: Error | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {UnknownOptionError | InvalidOptionError} */
  constructor(name: string, options: QueueEventsOptions) {
    super();
    checkQueueName(name);
    checkOptions(SCHEMA, options);
    this.name = name;
    // Emitted before each listener is added, by whichever method.
    super.on('newListener' as never, checkEvent as never);
    this.#lease = acquireClient(options.connection);
    this.#reader = new EventReader(name, this.#lease.client, startOf(options.lastEventId ?? '$') ?? 'latest', {
      onEvents: (events, place) => this.#onEvents(events, place),
      onLost: (error) => this.#onLost(error),
      onError: (error) => this.#emitError(error),
      onEnded: (error) => this.#onEnded(error),
    });
    if (options.autorun ?? true) this.run();
  }

  /** Begins, unless it has begun. */
  run(): void {
    if (this.#isRunning || this.#closing !== undefined) return;
    this.#isRunning = true;
    this.#reader.start();
  }

  /**
   * Resolves once the queue records its events: everything that is done afterwards is reported.
   * @throws {QueueEventsClosedError | ClientClosedError | ClusterClosedError}
   */
  async waitUntilReady(): Promise<void> {
    await this.#reader.ready;
  }

  /** No listener is called any more. Its events stay for five minutes. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal @returns ends the watch. */
  watchJob(jobId: number, watcher: JobWatcher): () => void {
    if (this.#ended !== undefined) {
      const error = this.#ended;
      queueMicrotask(() => watcher.onClosed(error));
      return () => undefined;
    }
    const watchers = this.#watchers.get(jobId) ?? new Set();
    this.#watchers.set(jobId, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(jobId) === watchers) this.#watchers.delete(jobId);
    };
  }

  /** @internal resolves once it has read the events up to the latest one of now, or other ones than those of now. */
  async passLatest(): Promise<void> {
    const place = await this.#reader.latest();
    await new Promise<void>((resolve) => {
      this.#passing.push({ place, onPassed: resolve });
      this.#checkPassing();
    });
  }

  /** @internal */
  get client(): Client {
    return this.#lease.client;
  }

  async #close(): Promise<void> {
    const error = new QueueEventsClosedError(this.name);
    const wasEnded = this.#ended !== undefined;
    this.#ended ??= error;
    this.#reader.close(error);
    if (!wasEnded) this.#end(error);
    await this.#lease.release();
  }

  #onEnded(error: Error): void {
    this.#ended = error;
    this.#end(error);
  }

  #end(error: Error): void {
    for (const watchers of [...this.#watchers.values()]) for (const watcher of [...watchers]) watcher.onClosed(error);
    this.#watchers.clear();
    for (const { onPassed } of this.#passing.splice(0)) onPassed();
    this.#emit('closed');
  }

  #onEvents(events: readonly QueueEvent[], first: EventPlace): void {
    for (const [at, event] of events.entries()) {
      if (this.#closing !== undefined) return;
      for (const watcher of [...(this.#watchers.get(event.jobId) ?? [])]) watcher.onEvent(event);
      if (this.listenerCount(event.name) === 0) continue;
      this.#emit(event.name, ...argumentsOf(event, eventIdOf({ ...first, after: first.after + at })));
    }
    this.#checkPassing();
  }

  #onLost(error: EventsLostError): void {
    for (const watchers of [...this.#watchers.values()]) for (const watcher of [...watchers]) watcher.onLost(error);
    this.#checkPassing();
    this.#emitError(error);
  }

  /** The ids of another recording say nothing about those that are waited for. */
  #checkPassing(): void {
    const { place } = this.#reader;
    const isPassed = (awaited: EventPlace): boolean =>
      place !== undefined && (place.recording !== awaited.recording || place.after >= awaited.after);
    const passed = this.#passing.filter((one) => isPassed(one.place));
    this.#passing = this.#passing.filter((one) => !passed.includes(one));
    for (const { onPassed } of passed) onPassed();
  }

  /** An error without a listener must not end the process: it becomes a warning. */
  #emitError(error: Error): void {
    if (this.listenerCount('error') > 0) this.#emit('error', error);
    else process.emitWarning(error);
  }

  /** A listener that throws, or whose promise rejects, affects no other one. */
  #emit(name: keyof QueueEventsMap, ...args: readonly unknown[]): void {
    callListeners(this.rawListeners(name), this, args, (thrown) => {
      if (name !== 'error' && this.listenerCount('error') > 0) this.#emit('error', toError(thrown));
      else warnOfThrown(name, thrown);
    });
  }
}

/** A listener of an event that is never emitted would wait in vain. Symbols such as `errorMonitor` are Node.js's own. */
function checkEvent(event: string | symbol): void {
  const known: readonly string[] = [...EVENT_NAMES, ...OWN_EVENTS];
  if (typeof event !== 'string' || known.includes(event) || EMITTER_EVENTS.includes(event)) return;
  throw new UnknownEventError(event, known);
}

function startOf(lastEventId: string): EventStart | undefined {
  if (lastEventId === '$') return 'latest';
  return lastEventId === '0' || lastEventId === '0-0' ? 'oldest' : parseEventId(lastEventId);
}

/** @param cluster that of the job. @throws {InvalidOptionError} unless it is a QueueEvents of this queue. */
export function checkQueueEvents(queueEvents: unknown, queue: string, cluster: unknown): asserts queueEvents is QueueEvents {
  if (queueEvents instanceof QueueEvents && queueEvents.name === queue) {
    if (queueEvents.client.dispatcher.reachability.cluster === cluster) return;
    const remedy = "Its cluster is not that of the job. Give a QueueEvents whose connection is to the job's cluster.";
    throw new InvalidOptionError('queueEvents', queueEvents.name, remedy);
  }
  const shown = queueEvents instanceof QueueEvents ? queueEvents.name : queueEvents;
  throw new InvalidOptionError('queueEvents', shown, `Give a QueueEvents of the job's queue: new QueueEvents("${queue}", { connection }).`);
}
