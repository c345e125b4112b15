import type { Dispatcher } from '../client/delivery/dispatcher.ts';
import { type QueueEvent, readEvents, rowOfEvent } from '../protocol/events.ts';
import { JOB_STATES } from '../protocol/job-state.ts';
import type { OperationResult } from '../protocol/reply.ts';
import type { RequestEncoder } from '../protocol/request-encoder.ts';
import type { ResultFields } from '../protocol/results.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { checkProperty } from './violation.ts';

const PROPERTY = 'each event is read once, and none is skipped';
const RETRY_MS = 50;
/** How often a reader that begins again forgets its place, and begins with the oldest event that is there. */
const FROM_OLDEST_SHARE = 0.2;

/** What all readers have read, by recording and id: an id is never that of two events. */
export type ReadEvents = Map<string, string>;

interface Place {
  readonly recording: number;
  readonly after: number;
}

/**
 * Follows the events of one queue as a QueueEvents does, by the production client's delivery: through the faults, across the restarts of its
 * process, and after gaps that are reported to it.
 */
export class SimEvents {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #read: ReadEvents;
  readonly #queue: string;
  readonly #ttlMs: number;
  #place: Place | undefined;
  /** The state of each job by the events since the last gap. */
  readonly #states = new Map<number, string | undefined>();
  /** Increases when the reader ends or begins again: what belongs to an earlier life is ignored. */
  #life = 0;
  #isReading = false;

  constructor(cluster: SimCluster, random: SimRandom, read: ReadEvents, queue: string) {
    this.#cluster = cluster;
    this.#random = random;
    this.#read = read;
    this.#queue = queue;
    this.#ttlMs = random.of([300, 2_000, 30_000]);
  }

  /** Its process begins, or another one in its place. */
  begin(dispatcher: Dispatcher): void {
    this.#life += 1;
    if (this.#random.withProbability(FROM_OLDEST_SHARE)) this.#lose(undefined);
    this.#isReading = false;
    this.#subscribe(dispatcher, this.#life);
  }

  end(): void {
    this.#life += 1;
  }

  /** It is renewed again and again; the first one begins to read. */
  #subscribe(dispatcher: Dispatcher, life: number): void {
    const again = (ms: number): void => this.#later(ms, life, () => this.#subscribe(dispatcher, life));
    const onResult = (result: OperationResult): void => {
      if (life !== this.#life) return;
      again(result.ok ? this.#ttlMs / 3 : RETRY_MS);
      if (!result.ok || result.type !== 'subscribed' || result.recording === 0) return;
      this.#place ??= { recording: result.recording, after: result.first - 1 };
      if (this.#isReading) return;
      this.#isReading = true;
      this.#next(dispatcher, life);
    };
    const write = (to: RequestEncoder): void => to.command('subscribeEvents', { queue: this.#queue, ttlMs: this.#ttlMs });
    this.#issue(
      (call) => {
        write(dispatcher.open(64));
        dispatcher.commit(call);
      },
      onResult,
      () => again(RETRY_MS),
    );
  }

  #next(dispatcher: Dispatcher, life: number): void {
    const place = this.#place;
    if (place === undefined) {
      // The next subscription gives it a place.
      this.#isReading = false;
      return;
    }
    const waitMs = this.#random.of([20, 200, 1_000]);
    const { recording, after: afterId } = place;
    const read = { queue: this.#queue, recording, afterId, countMax: this.#random.of([1, 3, 1_000]), waitMs };
    const again = (ms: number): void => this.#later(ms, life, () => this.#next(dispatcher, life));
    const onResult = (result: OperationResult): void => {
      if (life !== this.#life) return;
      if (result.ok && result.type === 'events') {
        this.#onPage(place, result, read.countMax);
        again(0);
      } else again(RETRY_MS);
    };
    this.#issue(
      (call) => void dispatcher.waitingQueries.submit((to) => to.command('readEvents', read), waitMs, call),
      onResult,
      () => again(RETRY_MS),
    );
  }

  #onPage(place: Place, page: ResultFields<'events'>, countMax: number): void {
    const { coverage } = this.#cluster;
    const shown = (): string =>
      `${place.recording}-${place.after} of ${this.#queue}: ${JSON.stringify({ ...page, events: page.events.length })}`;
    if (page.isLost) {
      const isDropped = page.recording === place.recording && page.first > place.after + 1;
      checkProperty(page.recording !== place.recording || isDropped, PROPERTY, () => `events are reported as lost behind ${shown()}`);
      coverage.add(isDropped ? 'events of a queue dropped' : 'recording of events ended');
      this.#lose(page);
      return;
    }
    const events = readEvents(page.events);
    checkProperty(events.length === page.count && page.count <= countMax, PROPERTY, () => `a wrong number of events behind ${shown()}`);
    checkProperty(page.last >= place.after + page.count, PROPERTY, () => `events behind the last one behind ${shown()}`);
    checkProperty(page.count > 0 || page.last === place.after, PROPERTY, () => `no event is returned behind ${shown()}`);
    for (const [at, event] of events.entries()) this.#onEvent({ ...place, after: place.after + 1 + at }, event);
    this.#place = { recording: place.recording, after: place.after + page.count };
    if (page.count > 0) coverage.add('events of a queue read');
  }

  #onEvent({ recording, after: id }: Place, event: QueueEvent): void {
    const { name, jobId, prev, detail } = event;
    const key = `${recording}-${id}`;
    const text = JSON.stringify({ ...event, detail: Buffer.from(detail).toString('base64') });
    checkProperty((this.#read.get(key) ?? text) === text, PROPERTY, () => `event ${key} is ${text}, and was ${this.#read.get(key)}`);
    this.#read.set(key, text);
    const { to } = rowOfEvent(name);
    if (name === 'added') {
      checkProperty(!this.#states.has(jobId), PROPERTY, () => `event ${key} reports the add of job ${jobId} again`);
      this.#states.set(jobId, undefined);
    } else if (to !== undefined) {
      const before = this.#states.get(jobId);
      const isNext = !this.#states.has(jobId) || before === prev;
      checkProperty(isNext, PROPERTY, () => `event ${key} of job ${jobId}: ${name} after ${prev}, and the event before ended as ${before}`);
      this.#states.set(jobId, to === 'gone' ? 'gone' : JOB_STATES[to]);
    }
  }

  /** Events are lost, or the reader has forgotten its place. */
  #lose(page: ResultFields<'events'> | undefined): void {
    this.#states.clear();
    this.#place = page === undefined || page.recording === 0 ? undefined : { recording: page.recording, after: page.first - 1 };
  }

  #issue(
    issue: (call: { readonly onResult: (result: OperationResult) => void; readonly onError: (error: Error) => void }) => void,
    onResult: (result: OperationResult) => void,
    onError: () => void,
  ): void {
    try {
      // Delivery isolates what its callbacks throw: a violation ends the run nevertheless.
      issue({ onResult: (result) => this.#cluster.schedule.after(0, () => onResult(result)), onError });
    } catch {
      onError();
    }
  }

  #later(ms: number, life: number, run: () => void): void {
    this.#cluster.schedule.after(ms, () => {
      if (life === this.#life) run();
    });
  }
}
