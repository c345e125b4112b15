import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEvents, rowOfEvent } from '../../src/protocol/events.ts';
import { JOB_STATES, type JobState } from '../../src/protocol/job-state.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { decodeReply, type OperationResult } from '../../src/protocol/reply.ts';
import type { AddOptions, ClaimOptions, RequestEncoder, SchedulerOptions } from '../../src/protocol/request-encoder.ts';
import { NO_OFFSET } from '../../src/protocol/scheduler.ts';
import { encodeTransaction } from '../../src/protocol/transaction.ts';
import { bytesOf, options, START_MS, TestQueue, textOf } from './harness.ts';
import { idsOf, LISTED_STATES } from './listings.ts';
import { LOG_ROWS, type ModelJob, ModelQueue, type Reply } from './model.ts';

const QUEUES = ['a', 'b'] as const;
/** What the latest event of a job reports that is gone. */
const ENDS = ['completed', 'failed', 'gone'];

/** One operation of a transaction. */
interface Part {
  readonly type: 'add' | 'complete' | 'fail' | 'release' | 'remove' | 'promote' | 'priority' | 'progress' | 'log';
  readonly queue: string;
  readonly id: number;
  readonly lease: number;
  readonly text: string;
  readonly options: AddOptions;
}

type Step =
  | { readonly type: 'add'; readonly queue: string; readonly payload: string; readonly options: AddOptions }
  | { readonly type: 'claim'; readonly queue: string; readonly options: ClaimOptions }
  | { readonly type: 'begin' | 'extend' | 'complete' | 'fail' | 'fail for good' | 'release'; readonly lease: number; readonly text: string }
  | { readonly type: 'retry' | 'remove' | 'promote' | 'get'; readonly queue: string; readonly id: number }
  | { readonly type: 'priority' | 'delay'; readonly queue: string; readonly id: number; readonly value: number }
  | { readonly type: 'progress' | 'data'; readonly queue: string; readonly id: number; readonly lease: number; readonly text: string }
  | {
      readonly type: 'log';
      readonly queue: string;
      readonly id: number;
      readonly lease: number;
      readonly keepMax: number;
      readonly rows: number;
      readonly text: string;
    }
  | { readonly type: 'transact'; readonly operations: readonly Part[] }
  | { readonly type: 'clear logs'; readonly queue: string; readonly id: number; readonly keepMax: number }
  | { readonly type: 'clean'; readonly queue: string; readonly id: number; readonly state: JobState; readonly graceMs: number }
  | {
      readonly type: 'upsert scheduler';
      readonly queue: string;
      readonly set: Omit<SchedulerOptions, 'pattern' | 'tz' | 'startMs' | 'endMs'>;
      /** From the time of the step on; 0 for none. */
      readonly startInMs: number;
      readonly endInMs: number;
      readonly payload: string;
    }
  | { readonly type: 'remove scheduler'; readonly queue: string; readonly scheduler: string }
  | { readonly type: 'free deduplication'; readonly queue: string; readonly id: string; readonly job: number }
  | { readonly type: 'release-holder'; readonly holder: number }
  | { readonly type: 'pause'; readonly queue: string; readonly isPaused: boolean }
  | { readonly type: 'concurrency'; readonly queue: string; readonly limit: number }
  | { readonly type: 'rate'; readonly queue: string; readonly max: number; readonly ms: number }
  | { readonly type: 'subscribe'; readonly queue: string; readonly ms: number }
  | { readonly type: 'hold'; readonly queue: string; readonly ms: number }
  | { readonly type: 'pass'; readonly ms: number; readonly isFirstOfTerm: boolean }
  | { readonly type: 'checkpoint' | 'restart' | 'repeat' };

const anyOptions: fc.Arbitrary<AddOptions> = fc.record({
  delayMs: fc.constantFrom(0, 0, 0, 10, 30),
  priority: fc.constantFrom(0, 0, 1, 7),
  isLifo: fc.boolean(),
  attemptsMax: fc.integer({ min: 1, max: 3 }),
  backoff: fc.record({ type: fc.constantFrom('none', 'fixed', 'exponential'), delayMs: fc.constantFrom(0, 10) }),
  keepCompleted: fc.constantFrom(-1, 0, 1, 2),
  keepFailed: fc.constantFrom(-1, -1, 0, 1),
  keepCompletedMs: fc.constantFrom(0, 0, 12),
  keepFailedMs: fc.constantFrom(0, 0, 0.5, 12),
  customId: fc.constantFrom(undefined, undefined, 'x', 'y'),
  deduplication: fc.option(
    fc.record({
      id: fc.constantFrom('d', 'e'),
      ttlMs: fc.constantFrom(0, 0, 15, 40),
      isExtending: fc.boolean(),
      isReplacing: fc.boolean(),
      keepsLast: fc.boolean(),
    }),
    { nil: undefined },
  ),
  keepLogs: fc.constantFrom(0, 0, 2, 20),
});

const anyPart: fc.Arbitrary<Part> = fc.record({
  type: fc.constantFrom('add', 'add', 'complete', 'complete', 'fail', 'release', 'remove', 'promote', 'priority', 'progress', 'log'),
  queue: fc.constantFrom(...QUEUES),
  id: fc.integer({ min: 1, max: 15 }),
  lease: fc.nat(5),
  text: fc.string({ maxLength: 5 }).map((text) => `${text}.`),
  options: anyOptions,
});
const DEDUPLICATION_IDS = ['d', 'e'] as const;

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('add'),
      queue: fc.constantFrom(...QUEUES),
      payload: fc.string({ maxLength: 9 }),
      options: anyOptions,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('claim'),
      queue: fc.constantFrom(...QUEUES),
      options: fc.record({
        countMax: fc.integer({ min: 1, max: 4 }),
        beginMax: fc.nat(4),
        leaseMs: fc.constantFrom(10, 25),
        waitMs: fc.constant(0),
        stalledMax: fc.nat(2),
        holder: fc.nat(2),
        limiter: fc.constantFrom(undefined, undefined, undefined, { max: 2, durationMs: 20 }, { max: 1, durationMs: 7 }),
      }),
    }),
  },
  {
    weight: 6,
    // Counted from the latest claim, so that most are current and some are stale.
    arbitrary: fc.record({
      type: fc.constantFrom('begin', 'extend', 'complete', 'fail', 'fail for good', 'release'),
      lease: fc.nat(6),
      text: fc.string({ maxLength: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom('retry', 'remove', 'promote', 'get'),
      queue: fc.constantFrom(...QUEUES),
      id: fc.integer({ min: 1, max: 15 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom('priority', 'delay'),
      queue: fc.constantFrom(...QUEUES),
      id: fc.integer({ min: 1, max: 15 }),
      value: fc.constantFrom(0, 1, 2, 10),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom('progress', 'data'),
      queue: fc.constantFrom(...QUEUES),
      id: fc.integer({ min: 1, max: 15 }),
      lease: fc.integer({ min: -3, max: 5 }),
      text: fc.constantFrom('10 %', 'half of it', '.'.repeat(100), '.'.repeat(4_000)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('log'),
      queue: fc.constantFrom(...QUEUES),
      id: fc.integer({ min: 1, max: 15 }),
      lease: fc.integer({ min: -3, max: 5 }),
      keepMax: fc.constantFrom(0, 0, 3, 17),
      rows: fc.constantFrom(1, 1, 5, 18, 50),
      text: fc.constantFrom('', 'row', 'ü'.repeat(20)),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ type: fc.constant('transact'), operations: fc.array(anyPart, { minLength: 1, maxLength: 4 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('clear logs'),
      queue: fc.constantFrom(...QUEUES),
      id: fc.integer({ min: 1, max: 15 }),
      keepMax: fc.constantFrom(0, 1, 20),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('clean'),
      queue: fc.constantFrom(...QUEUES),
      id: fc.integer({ min: 1, max: 15 }),
      state: fc.constantFrom(...LISTED_STATES.filter((state) => state !== 'waiting-children')),
      graceMs: fc.constantFrom(0, 5, 40),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('upsert scheduler'),
      queue: fc.constantFrom(...QUEUES),
      set: fc.record({
        scheduler: fc.constantFrom('s', 't'),
        everyMs: fc.constantFrom(7, 10, 35),
        offsetMs: fc.constantFrom(NO_OFFSET, NO_OFFSET, 0, 3, 12),
        ticksMax: fc.constantFrom(0, 0, 1, 3),
        isImmediate: fc.boolean(),
      }),
      startInMs: fc.constantFrom(0, 0, 5, 40),
      endInMs: fc.constantFrom(0, 0, 12, 50),
      payload: fc.string({ maxLength: 9 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('remove scheduler'),
      queue: fc.constantFrom(...QUEUES),
      scheduler: fc.constantFrom('s', 't'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('free deduplication'),
      queue: fc.constantFrom(...QUEUES),
      id: fc.constantFrom(...DEDUPLICATION_IDS),
      job: fc.constantFrom(0, 0, 1, 2, 3, 4, 5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('release-holder'), holder: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('pause'), queue: fc.constantFrom(...QUEUES), isPaused: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('concurrency'), queue: fc.constantFrom(...QUEUES), limit: fc.constantFrom(0, 0, 1, 2, 3) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('rate'),
      queue: fc.constantFrom(...QUEUES),
      max: fc.constantFrom(0, 0, 1, 2, 3),
      ms: fc.constantFrom(5, 20, 60),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('subscribe'), queue: fc.constantFrom(...QUEUES), ms: fc.constantFrom(10, 40, 200) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('hold'), queue: fc.constantFrom(...QUEUES), ms: fc.constantFrom(0, 0, 5, 15) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('pass'), ms: fc.constantFrom(0, 5, 10, 40), isFirstOfTerm: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('checkpoint', 'restart', 'repeat') }) },
);

const TICK_OPTIONS = options({ priority: 1, attemptsMax: 2, keepCompleted: 2 });

/** Drives a machine that is restarted, one that never is, and the model, and compares them after every step. */
class Comparison {
  readonly #restarted = new TestQueue(6, MACHINE_VERSION, { logRowsMax: LOG_ROWS });
  readonly #steady = new TestQueue(undefined, MACHINE_VERSION, { logRowsMax: LOG_ROWS });
  readonly #model = new ModelQueue(START_MS);
  readonly #leases: { readonly id: number; readonly token: number }[] = [];
  #latest: Uint8Array | undefined;
  #latestReply: Uint8Array | undefined;
  #compared = 0;
  /** A reader of each queue whose events are recorded: its place, and the state in which each job is by its events. */
  readonly #followers = new Map<string, { readonly recording: number; readonly after: number; readonly states: Map<number, string> }>();
  #logged = 0;

  run(step: Step): void {
    // An entry begins with what is due; time that passes brings its own.
    const isNoEntry = ['pass', 'checkpoint', 'restart'].includes(step.type) || (step.type === 'repeat' && this.#latest === undefined);
    if (!isNoEntry) this.#model.tick();
    switch (step.type) {
      case 'add':
        this.#add(step);
        break;
      case 'free deduplication': {
        const { queue, id: deduplicationId, job: holderJobId } = step;
        const isRemoved = this.#model.freeDeduplication(queue, deduplicationId, holderJobId);
        const result = this.#send((to) => to.command('removeDeduplication', { queue, deduplicationId, holderJobId }));
        expect(result).toEqual({ ok: true, type: 'deduplicationRemoved', isRemoved });
        break;
      }
      case 'claim':
        this.#claim(step.queue, step.options);
        break;
      case 'retry':
        this.#expectReply((to) => to.command('retry', { queue: step.queue, jobId: step.id }), this.#model.retry(step.queue, step.id));
        break;
      case 'remove':
        this.#expectReply((to) => to.command('remove', { queue: step.queue, jobId: step.id }), this.#model.remove(step.queue, step.id));
        break;
      case 'promote':
        this.#expectReply((to) => to.command('promote', { queue: step.queue, jobId: step.id }), this.#model.promote(step.queue, step.id));
        break;
      case 'priority': {
        const { queue, id, value: priority } = step;
        this.#expectReply(
          (to) => to.command('changePriority', { queue, jobId: id, priority }),
          this.#model.changePriority(queue, id, priority),
        );
        break;
      }
      case 'delay': {
        const { queue, id, value: delayMs } = step;
        this.#expectReply((to) => to.command('changeDelay', { queue, jobId: id, delayMs }), this.#model.changeDelay(queue, id, delayMs));
        break;
      }
      case 'progress': {
        const { queue, text } = step;
        const { id, token } = this.#leases[step.lease] ?? { id: step.id, token: 0 };
        this.#expectReply(
          (to) => to.command('updateProgress', { queue, jobId: id, token, payload: bytesOf(text) }),
          this.#model.updateProgress(queue, id, token, text),
        );
        break;
      }
      case 'data': {
        const { queue, text: payload } = step;
        const { id, token } = this.#leases[step.lease] ?? { id: step.id, token: 0 };
        this.#expectReply(
          (to) => to.command('updateData', { queue, jobId: id, token, payload: bytesOf(payload) }),
          this.#model.updateData(queue, id, token, payload),
        );
        break;
      }
      case 'log':
        this.#log(step);
        break;
      case 'transact':
        this.#transact(step.operations);
        break;
      case 'clear logs': {
        const { queue, id, keepMax } = step;
        this.#expectReply((to) => to.command('clearLogs', { queue, jobId: id, keepMax }), this.#model.clearLogs(queue, id, keepMax));
        break;
      }
      case 'clean': {
        const { queue, id, state, graceMs } = step;
        const customId = this.#model.find(id)?.options.customId ?? '';
        const expected = this.#model.clean(queue, id, state, graceMs);
        const result = this.#send((to) => to.command('clean', { queue, jobId: id, state: JOB_STATES.indexOf(state), graceMs }));
        expect(result).toMatchObject(expected === 'done' ? { type: 'removed', customId } : { ok: false, code: expected });
        break;
      }
      case 'release-holder':
        this.#expectReply((to) => to.command('releaseHolder', { holder: step.holder }), this.#model.releaseHolder(step.holder));
        break;
      case 'pause': {
        const { queue, isPaused } = step;
        this.#expectReply((to) => to.command('pause', { queue, isPaused }), this.#model.setPaused(queue, isPaused));
        break;
      }
      case 'concurrency': {
        const { queue, limit } = step;
        const expected = this.#model.setConcurrency(queue, limit);
        this.#expectReply((to) => to.command('setConcurrency', { queue, concurrencyMax: limit }), expected);
        break;
      }
      case 'rate': {
        const { queue, max, ms } = step;
        const expected = this.#model.setRate(queue, { max, ms });
        this.#expectReply((to) => to.command('setRateLimit', { queue, rateMax: max, rateMs: ms }), expected);
        break;
      }
      case 'hold': {
        const { queue, ms } = step;
        this.#expectReply((to) => to.command('holdClaims', { queue, holdMs: ms }), this.#model.hold(queue, ms));
        break;
      }
      case 'subscribe':
        this.#subscribe(step.queue, step.ms);
        break;
      case 'upsert scheduler':
        this.#upsertScheduler(step);
        break;
      case 'remove scheduler': {
        const { queue, scheduler } = step;
        this.#expectReply((to) => to.command('removeScheduler', { queue, scheduler }), this.#model.removeScheduler(queue, scheduler));
        break;
      }
      case 'get':
        this.#get(step.id);
        break;
      case 'pass':
        this.#model.pass(step.ms, step.isFirstOfTerm);
        for (const queue of [this.#restarted, this.#steady]) {
          queue.isFirstOfTerm = step.isFirstOfTerm;
          queue.pass(step.ms);
        }
        break;
      case 'checkpoint':
        this.#restarted.checkpoint();
        break;
      case 'restart':
        this.#restarted.restart();
        break;
      case 'repeat':
        this.#repeat();
        break;
      default:
        this.#useLease(step.type, step.lease, step.text);
    }
    this.#compare();
  }

  #add({ queue, payload, options: added }: Extract<Step, { readonly type: 'add' }>): void {
    const result = this.#send((to) => to.add(queue, bytesOf(payload), added));
    const { deduplication } = added;
    if (deduplication === undefined) expect(result).toMatchObject({ id: this.#model.add(queue, payload, added) });
    else expect(result).toEqual({ ok: true, ...this.#model.addDeduplicated(queue, payload, added) });
  }

  #transact(parts: readonly Part[]): void {
    const operations = parts.map((part) => this.#partOf(part));
    const named = operations.flatMap(({ job }) => (job === undefined ? [] : [job]));
    const result = this.#send((to) => {
      to.command('transact', { payload: encodeTransaction((inner) => operations.forEach(({ write }) => void write(inner))) });
    });
    if (new Set(named).size < named.length) {
      // Or the error of an operation before the second one that names the job.
      expect(result?.ok).toBe(false);
      return;
    }
    const expected = this.#model.transact(
      operations.map(({ execute }) => execute),
      named,
    );
    if ('operation' in expected) {
      expect(result).toMatchObject({ ok: false, ...expected });
      return;
    }
    const results = result?.ok && result.type === 'transacted' ? result.results : [];
    expect(results.map((one) => ('id' in one ? one.id : 'rows' in one ? one.rows : one.ok ? one.type : one.code))).toEqual(expected);
  }

  #partOf({ type, queue, options, text, ...part }: Part): {
    readonly job: number | undefined;
    readonly write: (to: RequestEncoder) => void;
    readonly execute: () => Reply | number;
  } {
    const model = this.#model;
    const { id: jobId, token } = this.#leases[part.lease] ?? { id: 999, token: 1 };
    const { id } = part;
    // An add that may be a duplicate is no part of a transaction.
    const plain = { ...options, deduplication: undefined };
    const bytes = bytesOf(text);
    switch (type) {
      case 'add':
        return { job: undefined, write: (to) => to.add(queue, bytes, plain), execute: () => model.add(queue, text, plain) };
      case 'complete':
        return { job: jobId, write: (to) => to.complete(jobId, token, bytes), execute: () => model.complete(jobId, token, text) };
      case 'fail': {
        const args = { jobId, token, reason: text, retry: true };
        return { job: jobId, write: (to) => to.command('fail', args), execute: () => model.fail(jobId, token, text, true) };
      }
      case 'release':
        return { job: jobId, write: (to) => to.command('release', { jobId, token }), execute: () => model.release(jobId, token) };
      case 'remove':
        return { job: id, write: (to) => to.command('remove', { queue, jobId: id }), execute: () => model.remove(queue, id) };
      case 'promote':
        return { job: id, write: (to) => to.command('promote', { queue, jobId: id }), execute: () => model.promote(queue, id) };
      case 'priority': {
        const args = { queue, jobId: id, priority: 2 };
        return { job: id, write: (to) => to.command('changePriority', args), execute: () => model.changePriority(queue, id, 2) };
      }
      case 'progress': {
        const args = { queue, jobId: id, token: 0, payload: bytes };
        return { job: id, write: (to) => to.command('updateProgress', args), execute: () => model.updateProgress(queue, id, 0, text) };
      }
      default: {
        const args = { queue, jobId: id, token: 0, keepMax: 0, row: text };
        return { job: id, write: (to) => to.command('addLog', args), execute: () => model.addLog(queue, id, 0, text, 0) };
      }
    }
  }

  /** Several rows, each of which says which one it is. */
  #log({ queue, keepMax, rows, text, ...step }: Extract<Step, { readonly type: 'log' }>): void {
    const { id, token } = this.#leases[step.lease] ?? { id: step.id, token: 0 };
    for (let at = 0; at < rows; at += 1) {
      this.#logged += 1;
      const row = `${text} ${this.#logged}`;
      const result = this.#send((to) => to.command('addLog', { queue, jobId: id, token, keepMax, row: row }));
      const expected = this.#model.addLog(queue, id, token, row, keepMax);
      expect(result).toMatchObject(typeof expected === 'number' ? { type: 'logged', rows: expected } : { ok: false, code: expected });
    }
    const job = this.#model.find(id);
    if (job !== undefined) expect(logsOf(this.#restarted, job.queue, id)).toEqual(job.logs);
  }

  #upsertScheduler({ queue, set, startInMs, endInMs, payload }: Extract<Step, { readonly type: 'upsert scheduler' }>): void {
    const { nowMs } = this.#steady;
    const startMs = startInMs === 0 ? 0 : nowMs + startInMs;
    const scheduler = { ...set, pattern: '', tz: '', startMs, endMs: endInMs === 0 ? 0 : nowMs + endInMs };
    const expected = this.#model.upsertScheduler(queue, scheduler, payload, TICK_OPTIONS);
    this.#expectReply((to) => to.upsertScheduler(queue, scheduler, bytesOf(payload), TICK_OPTIONS), expected);
  }

  #claim(queue: string, options: ClaimOptions): void {
    const expected = this.#model.claim(queue, options);
    const result = this.#send((to) => to.claim(queue, options));
    const jobs = result?.ok && result.type === 'claimed' ? result.jobs : [];
    const seen = jobs.map(({ payload, progress, attemptsMax: _, ...job }) => {
      return { ...job, payload: textOf(payload), progress: textOf(progress) };
    });
    const modelled = expected.map(({ id, token, attempt, addedMs, isBegun, stalls, payload, progress, options: added, tick }) => {
      const ids = { customId: added.customId, deduplicationId: added.deduplication?.id };
      return { id, token, attempt: isBegun ? attempt : attempt + 1, addedMs, isBegun, stalls, payload, progress, ...ids, tick };
    });
    expect(seen).toEqual(modelled);
    for (const { id, token } of jobs) this.#leases.unshift({ id, token });
  }

  #subscribe(queue: string, ms: number): void {
    const isNew = !this.#model.isRecorded(queue);
    this.#model.subscribe(queue, ms);
    const result = this.#send((to) => to.command('subscribeEvents', { queue, ttlMs: ms }));
    if (!result?.ok || result.type !== 'subscribed') throw new Error('not subscribed');
    const follower = isNew ? undefined : this.#followers.get(queue);
    expect(result.recording).toBe(follower?.recording ?? result.recording);
    if (follower === undefined) this.#followers.set(queue, { recording: result.recording, after: result.last, states: new Map() });
  }

  /** Each reader gets every event once, and those of a job end with the state that it has. */
  #follow(queue: string): void {
    const follower = this.#followers.get(queue);
    if (follower === undefined) return;
    const { recording, after, states } = follower;
    const [page] = this.#restarted.read((to) =>
      to.command('readEvents', { queue, recording, afterId: after, countMax: 10_000, waitMs: 0 }),
    );
    if (!page?.ok || page.type !== 'events') throw new Error('no events');
    expect(page.isLost).toBe(!this.#model.isRecorded(queue));
    if (page.isLost) {
      this.#followers.delete(queue);
      return;
    }
    expect(page.count).toBe(page.last - after);
    for (const { name, jobId } of readEvents(page.events)) {
      const { to } = rowOfEvent(name);
      if (to !== undefined) states.set(jobId, to === 'gone' ? 'gone' : (JOB_STATES[to] ?? ''));
    }
    this.#followers.set(queue, { recording, after: page.last, states });
    for (const [id, state] of states) {
      const expected: readonly string[] = [this.#model.find(id)?.state ?? ENDS].flat();
      expect(expected).toContain(state);
    }
  }

  #useLease(type: 'begin' | 'extend' | 'complete' | 'fail' | 'fail for good' | 'release', at: number, text: string): void {
    const { id, token } = this.#leases[at] ?? { id: 999, token: 1 };
    if (type === 'begin') this.#expectReply((to) => to.command('begin', { jobId: id, token }), this.#model.markBegun(id, token));
    else if (type === 'extend')
      this.#expectReply((to) => to.command('extend', { jobId: id, token, leaseMs: 25 }), this.#model.extend(id, token, 25));
    else if (type === 'complete') this.#expectReply((to) => to.complete(id, token, bytesOf(text)), this.#model.complete(id, token, text));
    else if (type === 'release') this.#expectReply((to) => to.command('release', { jobId: id, token }), this.#model.release(id, token));
    else
      this.#expectReply(
        (to) => to.command('fail', { jobId: id, token, reason: text, retry: type === 'fail' }),
        this.#model.fail(id, token, text, type === 'fail'),
      );
  }

  #get(id: number): void {
    const result = this.#send((to) => to.command('getJob', { jobId: id }));
    const expected = this.#model.find(id);
    if (expected === undefined) expect(result).toMatchObject({ ok: false, code: 'JOB_NOT_FOUND' });
    else expect(result).toMatchObject({ ok: true, job: shownOf(expected) });
    const job = result?.ok && result.type === 'job' ? result.job : undefined;
    expect(textOf(job?.payload)).toBe(expected?.payload);
    expect(textOf(job?.progress)).toBe(expected?.progress);
    expect(job?.failedReason ?? textOf(job?.result)).toBe(expected?.outcome);
  }

  /** The latest request arrives again: it gets the same reply and changes nothing visible. */
  #repeat(): void {
    if (this.#latest === undefined || this.#latestReply === undefined) return;
    const replies = [this.#restarted, this.#steady].map((queue) => queue.apply(this.#latest as Uint8Array)[0]);
    expect(replies[0]).toEqual(replies[1]);
    expect(replies[0]?.subarray(0, 21)).toEqual(this.#latestReply.subarray(0, 21));
  }

  #send(build: (to: RequestEncoder) => void): OperationResult | undefined {
    const request = this.#restarted.request(build);
    this.#steady.sequence += 1;
    const [reply] = this.#restarted.apply(request);
    expect(this.#steady.apply(request)).toEqual([reply]);
    this.#latest = request;
    this.#latestReply = reply;
    return reply === undefined ? undefined : decodeReply(reply).results[0];
  }

  #expectReply(build: (to: RequestEncoder) => void, expected: string): void {
    const result = this.#send(build);
    expect(result?.ok === false ? result.code : result?.type).toBe(expected);
  }

  #compare(): void {
    expect(this.#restarted.machine.digest()).toBe(this.#steady.machine.digest());
    for (const queue of QUEUES) expect(this.#steady.machine.counts(queue)).toEqual(this.#model.counts(queue));
    const firstDue = (state: string): number | undefined => {
      const deadlines = this.#model.jobs.filter((job) => job.state === state).map((job) => job.dueMs);
      return deadlines.length === 0 ? undefined : Math.min(...deadlines);
    };
    expect(this.#steady.machine.nextLeaseEndMs).toBe(firstDue('active'));
    const ticks = this.#model.schedulers.map(({ nextMs }) => nextMs);
    const kept = this.#model.jobs.flatMap(({ keptUntilMs }) => (keptUntilMs > 0 ? [keptUntilMs] : []));
    expect(this.#steady.machine.nextWallDueMs).toBe(Math.min(firstDue('delayed') ?? Number.POSITIVE_INFINITY, ...kept, ...ticks));
    for (const queue of QUEUES) {
      const [ttl] = this.#steady.read((to) => to.command('rateLimitTtl', { queue, takenMin: 0 }));
      expect(ttl).toEqual({ ok: true, type: 'rateLimitTtl', ttlMs: this.#model.heldMs(queue) });
    }
    for (const queue of QUEUES)
      for (const deduplicationId of DEDUPLICATION_IDS) {
        const [holder] = this.#restarted.read((to) => to.command('getDeduplicationJob', { queue, deduplicationId }));
        const { job: id = 0, customId = '' } = this.#model.deduplicationOf(queue, deduplicationId) ?? {};
        expect(holder).toEqual({ ok: true, type: 'deduplicationJob', id, customId });
      }
    for (const queue of QUEUES) this.#follow(queue);
    this.#compareListings();
  }

  /** Of the machine that was restarted, by pages of three: after each step of another state, forwards or backwards. */
  #compareListings(): void {
    this.#compared += 1;
    const state = LISTED_STATES[this.#compared % LISTED_STATES.length] ?? 'waiting';
    const isDescending = this.#compared % 2 === 0;
    for (const queue of QUEUES)
      expect(idsOf(this.#restarted, { queue, state, isDescending, countMax: 3 })).toEqual(this.#model.list(queue, state, isDescending));
    const [names] = this.#restarted.read((to) => to.command('queueNames', { after: 0, countMax: 10 }));
    expect(names?.ok && names.type === 'queueNames' ? [...names.names].sort() : names).toEqual(this.#model.names());
  }
}

/** All rows, read from both ends in turn. */
function logsOf(queue: TestQueue, name: string, jobId: number): readonly string[] {
  const [oldest, newest] = queue.read((to) => {
    to.command('getLogs', { queue: name, jobId, start: 0, countMax: LOG_ROWS, isDescending: false });
    to.command('getLogs', { queue: name, jobId, start: 0, countMax: LOG_ROWS, isDescending: true });
  });
  const rows = oldest?.ok && oldest.type === 'logs' ? oldest.rows : [];
  expect(newest).toEqual({ ok: true, type: 'logs', total: rows.length, rows: [...rows].reverse() });
  return rows;
}

const shownOf = ({ id, queue, state, attempt, isBegun, stalls, token, addedMs, priority, options }: ModelJob): object => ({
  id,
  queue,
  state,
  attempt,
  isBegun,
  stalls,
  token,
  addedMs,
  priority,
  attemptsMax: options.attemptsMax,
});

describe('the queue, compared with a model that searches a list', () => {
  it('gives the same replies and counts, and no restart leaves a trace (invariants 1 to 7, 11 and 12)', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80, size: 'max' }), (steps) => {
        const comparison = new Comparison();
        for (const step of steps) comparison.run(step);
      }),
      { numRuns: 300 },
    );
  });
});
