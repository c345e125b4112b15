import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeReply, type OperationResult } from '../../src/queue/reply.ts';
import type { AddOptions, RequestEncoder } from '../../src/queue/request.ts';
import { bytesOf, START_MS, TestQueue, textOf } from './harness.ts';
import { type ModelJob, ModelQueue } from './model.ts';

const QUEUES = ['a', 'b'] as const;

type Step =
  | { readonly type: 'add'; readonly queue: string; readonly content: string; readonly options: AddOptions }
  | { readonly type: 'claim'; readonly queue: string; readonly countMax: number; readonly leaseMs: number }
  | { readonly type: 'extend' | 'complete' | 'fail' | 'retry' | 'release'; readonly lease: number; readonly text: string }
  | { readonly type: 'redrive' | 'remove' | 'get'; readonly id: number }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'checkpoint' | 'restart' | 'repeat' };

const anyOptions: fc.Arbitrary<AddOptions> = fc.record({
  delayMs: fc.constantFrom(0, 0, 0, 10, 30),
  priority: fc.constantFrom(0, 0, 1, 7),
  attemptsMax: fc.integer({ min: 1, max: 3 }),
  backoff: fc.record({ type: fc.constantFrom('none', 'fixed', 'exponential'), delayMs: fc.constantFrom(0, 10) }),
  keepCompleted: fc.constantFrom(-1, 0, 1, 2),
  keepFailed: fc.constantFrom(-1, -1, 0, 1),
});

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('add'),
      queue: fc.constantFrom(...QUEUES),
      content: fc.string({ maxLength: 9 }),
      options: anyOptions,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('claim'),
      queue: fc.constantFrom(...QUEUES),
      countMax: fc.integer({ min: 1, max: 4 }),
      leaseMs: fc.constantFrom(10, 25),
    }),
  },
  {
    weight: 6,
    // Counted from the latest claim, so that most are current and some are stale.
    arbitrary: fc.record({
      type: fc.constantFrom('extend', 'complete', 'fail', 'retry', 'release'),
      lease: fc.nat(6),
      text: fc.string({ maxLength: 5 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('redrive', 'remove', 'get'), id: fc.integer({ min: 1, max: 15 }) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('pass'), ms: fc.constantFrom(0, 5, 10, 40) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('checkpoint', 'restart', 'repeat') }) },
);

/** Drives a machine that is restarted, one that never is, and the model, and holds them against each other after every step. */
class Comparison {
  readonly #restarted = new TestQueue(6);
  readonly #steady = new TestQueue();
  readonly #model = new ModelQueue(START_MS);
  readonly #leases: { readonly id: number; readonly token: number }[] = [];
  #latest: Uint8Array | undefined;
  #latestReply: Uint8Array | undefined;

  run(step: Step): void {
    switch (step.type) {
      case 'add':
        expect(this.#send((to) => to.add(step.queue, bytesOf(step.content), step.options))).toMatchObject({
          id: this.#model.add(step.queue, step.content, step.options),
        });
        break;
      case 'claim':
        this.#claim(step.queue, step.countMax, step.leaseMs);
        break;
      case 'redrive':
        this.#expectAnswer((to) => to.redrive(step.id), this.#model.redrive(step.id));
        break;
      case 'remove':
        this.#expectAnswer((to) => to.remove(step.id), this.#model.remove(step.id));
        break;
      case 'get':
        this.#get(step.id);
        break;
      case 'pass':
        this.#model.pass(step.ms);
        this.#restarted.pass(step.ms);
        this.#steady.pass(step.ms);
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

  #claim(queue: string, countMax: number, leaseMs: number): void {
    const expected = this.#model.claim(queue, countMax, leaseMs);
    const result = this.#send((to) => to.claim(queue, countMax, leaseMs, 0));
    const jobs = result?.ok && result.type === 'claimed' ? result.jobs : [];
    const seen = jobs.map(({ id, token, attempt, addedMs, content }) => ({ id, token, attempt, addedMs, content: textOf(content) }));
    expect(seen).toEqual(expected.map(({ id, token, attempt, addedMs, content }) => ({ id, token, attempt, addedMs, content })));
    for (const { id, token } of jobs) this.#leases.unshift({ id, token });
  }

  #useLease(type: 'extend' | 'complete' | 'fail' | 'retry' | 'release', at: number, text: string): void {
    const { id, token } = this.#leases[at] ?? { id: 999, token: 1 };
    if (type === 'extend') this.#expectAnswer((to) => to.extend(id, token, 25), this.#model.extend(id, token, 25));
    else if (type === 'complete') this.#expectAnswer((to) => to.complete(id, token, bytesOf(text)), this.#model.complete(id, token, text));
    else if (type === 'release') this.#expectAnswer((to) => to.release(id, token), this.#model.release(id, token));
    else this.#expectAnswer((to) => to.fail(id, token, text, type === 'retry'), this.#model.fail(id, token, text, type === 'retry'));
  }

  #get(id: number): void {
    const result = this.#send((to) => to.getJob(id));
    const expected = this.#model.find(id);
    if (expected === undefined) expect(result).toMatchObject({ ok: false, code: 'JOB_NOT_FOUND' });
    else expect(result).toMatchObject({ ok: true, job: shownOf(expected) });
    const job = result?.ok && result.type === 'job' ? result.job : undefined;
    expect(textOf(job?.content)).toBe(expected?.content);
    expect(job?.failedReason ?? textOf(job?.result)).toBe(expected?.outcome);
  }

  /** The latest request arrives once more: it gets the same answer and changes nothing the model would see. */
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

  #expectAnswer(build: (to: RequestEncoder) => void, expected: string): void {
    const result = this.#send(build);
    expect(result?.ok === false ? result.code : result?.type).toBe(expected);
  }

  #compare(): void {
    expect(this.#restarted.machine.digest()).toBe(this.#steady.machine.digest());
    for (const queue of QUEUES) expect(this.#steady.machine.counts(queue)).toEqual(this.#model.counts(queue));
    const deadlines = this.#model.jobs.filter((job) => job.state === 'active' || job.state === 'delayed').map((job) => job.dueMs);
    expect(this.#steady.machine.nextDueMs).toBe(deadlines.length === 0 ? undefined : Math.min(...deadlines));
  }
}

const shownOf = ({ id, queue, state, attempt, token, addedMs, options }: ModelJob): object => ({
  id,
  queue,
  state,
  attempt,
  token,
  addedMs,
  priority: options.priority,
  attemptsMax: options.attemptsMax,
});

describe('the queue, held against a model that searches a list', () => {
  it('gives the same answers and counts, and no restart leaves a trace (invariants 1 to 7, 11 and 12)', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 80, size: 'max' }), (steps) => {
        const comparison = new Comparison();
        for (const step of steps) comparison.run(step);
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
