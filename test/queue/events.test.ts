import { describe, expect, it } from 'vitest';
import { type EventName, type QueueEvent, readEvents, timeOf } from '../../src/protocol/events.ts';
import { EVENT_DETAIL_BYTES_MAX } from '../../src/protocol/limits.ts';
import { EVENTS_VERSION, MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import type { ResultFields } from '../../src/protocol/results.ts';
import { validateRequest } from '../../src/protocol/validate-request.ts';
import { STATE_BOUNDS } from '../../src/queue/state-bounds.ts';
import { bytesOf, START_MS, TestQueue, textOf } from './harness.ts';

const MINUTE = 60_000;

function subscribe(queue: TestQueue, ttlMs = MINUTE, name = 'q'): ResultFields<'subscribed'> {
  const result = queue.do((to) => to.command('subscribeEvents', { queue: name, ttlMs }));
  if (!result.ok || result.type !== 'subscribed') throw new Error('not subscribed');
  return result;
}

function read(queue: TestQueue, recording: number, afterId = 0, countMax = 10_000, name = 'q'): ResultFields<'events'> {
  const [result] = queue.read((to) => to.command('readEvents', { queue: name, recording, afterId, countMax, waitMs: 0 }));
  if (!result?.ok || result.type !== 'events') throw new Error('no events');
  return result;
}

const eventsOf = (queue: TestQueue, recording: number, afterId = 0): QueueEvent[] => readEvents(read(queue, recording, afterId).events);
const namesOf = (queue: TestQueue, recording: number, afterId = 0): EventName[] =>
  eventsOf(queue, recording, afterId).map(({ name }) => name);

/** A queue that records its events. */
function recorded(bounds = {}): { readonly queue: TestQueue; readonly recording: number } {
  const queue = new TestQueue(8_192, MACHINE_VERSION, bounds);
  return { queue, recording: subscribe(queue).recording };
}

describe('the events of a queue', () => {
  it('are not recorded while no client subscribes, and cost no record of a checkpoint', () => {
    const queue = new TestQueue();
    queue.add('x');
    const rows = queue.checkpoint();
    expect(read(queue, 0)).toMatchObject({ recording: 0, isLost: true, count: 0 });
    const { queue: other } = recorded();
    other.add('x');
    expect(other.checkpoint()).toBe(rows + 2);
  });

  it('are one for each change of a job, in their order, with the state before', () => {
    const { queue, recording } = recorded();
    const id = queue.add('x', { attemptsMax: 2, backoff: { type: 'fixed', delayMs: 500 } });
    const first = queue.claimOne();
    queue.do((to) => to.command('fail', { jobId: id, token: first.token, reason: 'no network', retry: true }));
    queue.pass(500);
    const second = queue.claimOne();
    queue.do((to) => to.complete(id, second.token, bytesOf('"done"')));
    expect(eventsOf(queue, recording).map(({ name, prev, attempt }) => [name, prev, attempt])).toEqual([
      ['added', undefined, 0],
      ['waiting', undefined, 0],
      ['active', 'waiting', 1],
      ['delayed', 'active', 1],
      ['waiting', 'delayed', 1],
      ['active', 'waiting', 2],
      ['completed', 'active', 2],
      ['drained', undefined, 0],
    ]);
    const [added, , , delayed, , , completed, drained] = eventsOf(queue, recording);
    expect(added).toMatchObject({ jobId: id, atMs: START_MS, customId: '' });
    expect(timeOf(delayed?.detail ?? new Uint8Array(8))).toBe(START_MS + 500);
    expect(textOf(completed?.detail)).toBe('"done"');
    expect(drained?.jobId).toBe(0);
  });

  it('name a job that failed for good, its reason, and whether its attempts are over', () => {
    const { queue, recording } = recorded();
    for (const [retry, attemptsMax] of [
      [true, 1],
      [false, 3],
    ] as const) {
      const id = queue.add('x', { attemptsMax });
      const { token } = queue.claimOne();
      queue.do((to) => to.command('fail', { jobId: id, token, reason: 'broken', retry }));
    }
    const failures = eventsOf(queue, recording).filter(({ name }) => name === 'failed' || name === 'retries-exhausted');
    expect(failures.map(({ name, jobId, detail }) => [name, jobId, textOf(detail)])).toEqual([
      ['retries-exhausted', 1, ''],
      ['failed', 1, 'broken'],
      ['failed', 2, 'broken'],
    ]);
  });

  it('report stalls, releases, progress, removals, and what is done to the queue', () => {
    const { queue, recording } = recorded();
    const id = queue.add('x', { customId: 'order-1' });
    expect(queue.add('again', { customId: 'order-1' })).toBe(id);
    const claimed = queue.claimOne();
    queue.do((to) => to.command('updateProgress', { queue: 'q', jobId: id, token: claimed.token, payload: bytesOf('50') }));
    queue.pass(1_001);
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: true }));
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: true }));
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: false }));
    queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    const delayed = queue.add('later', { delayMs: 1_000 });
    queue.do((to) => to.command('changeDelay', { queue: 'q', jobId: delayed, delayMs: 5_000 }));
    queue.do((to) => to.command('promote', { queue: 'q', jobId: delayed }));
    const events = eventsOf(queue, recording);
    expect(events.map(({ name, prev }) => `${name} ${prev ?? ''}`.trim())).toEqual([
      ...['added', 'waiting', 'duplicated waiting', 'active waiting', 'progress active', 'stalled active', 'waiting active'],
      ...['paused', 'resumed', 'removed waiting', 'added', 'delayed', 'delayed delayed', 'waiting delayed'],
    ]);
    expect(events.slice(0, 7).every(({ customId, jobId }) => customId === 'order-1' && jobId === id)).toBe(true);
    expect(textOf(events[4]?.detail)).toBe('50');
  });

  it('carry the result of a job that the queue does not keep, up to a bound', () => {
    const { queue, recording } = recorded();
    for (const bytes of [EVENT_DETAIL_BYTES_MAX, EVENT_DETAIL_BYTES_MAX + 1]) {
      const id = queue.add('x', { keepCompleted: 0 });
      const { token } = queue.claimOne();
      queue.do((to) => to.complete(id, token, new Uint8Array(bytes)));
      expect(queue.job(id)).toBeUndefined();
    }
    const completed = eventsOf(queue, recording).filter(({ name }) => name === 'completed');
    expect(completed.map(({ detail, isCut }) => [detail.length, isCut])).toEqual([
      [EVENT_DETAIL_BYTES_MAX, false],
      [0, true],
    ]);
  });

  it('cut a long reason at the end of a character', () => {
    const { queue, recording } = recorded();
    const id = queue.add('x', { attemptsMax: 1, keepFailed: 0 });
    const { token } = queue.claimOne();
    queue.do((to) => to.command('fail', { jobId: id, token, reason: `a${'ü'.repeat(3_000)}`, retry: true }));
    const failed = eventsOf(queue, recording).find(({ name }) => name === 'failed');
    expect(failed?.isCut).toBe(true);
    expect(textOf(failed?.detail)).toBe(`a${'ü'.repeat((EVENT_DETAIL_BYTES_MAX - 2) / 2)}`);
  });
});

describe('a recording of events', () => {
  it('is shared by its subscribers, and begins with the first one', () => {
    const queue = new TestQueue();
    queue.add('before');
    expect(subscribe(queue)).toMatchObject({ first: 1, last: 0 });
    queue.add('x');
    const { recording } = subscribe(queue);
    expect(subscribe(queue)).toMatchObject({ recording, first: 1, last: 2 });
  });

  it('ends with the last subscription by the log clock, and its queue is gone if it has nothing else', () => {
    const { queue } = recorded();
    expect(queue.machine.nextLogDueMs).toBe(START_MS + MINUTE);
    queue.pass(MINUTE / 2);
    const { recording } = subscribe(queue);
    queue.wallStepMs = 10 * MINUTE;
    queue.pass(MINUTE - 1);
    expect(read(queue, recording).isLost).toBe(false);
    queue.pass(1);
    expect(read(queue, recording)).toMatchObject({ recording: 0, isLost: true });
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('is not shortened by a subscription that ends earlier', () => {
    const { queue, recording } = recorded();
    subscribe(queue, 1);
    queue.pass(MINUTE - 1);
    expect(read(queue, recording).isLost).toBe(false);
  });

  it('reports ids of an earlier recording as lost, and never takes them for its own', () => {
    const { queue, recording } = recorded();
    queue.add('x');
    queue.pass(MINUTE);
    const next = subscribe(queue);
    queue.add('y');
    queue.add('z');
    expect(next.recording).not.toBe(recording);
    expect(read(queue, recording, 2)).toMatchObject({ recording: next.recording, first: 1, last: 4, isLost: true, count: 4 });
  });

  it('reports an id that is ahead of it as lost: the state is older than the reader', () => {
    const { queue, recording } = recorded();
    queue.add('x');
    expect(read(queue, recording, 2)).toMatchObject({ isLost: false, count: 0 });
    expect(read(queue, recording, 3)).toMatchObject({ isLost: true, count: 2 });
  });

  it('drops its oldest events beyond the bound, and reports them as lost', () => {
    const { queue, recording } = recorded({ eventsPerQueueMax: 16 });
    for (let added = 0; added < 20; added += 1) queue.add('x');
    const { first, last } = read(queue, recording, 40);
    expect(last).toBe(40);
    expect(last - first + 1).toBeLessThanOrEqual(16);
    expect(last - first + 1).toBeGreaterThanOrEqual(14);
    expect(read(queue, recording, first - 2)).toMatchObject({ isLost: true, first, last, count: last - first + 1 });
    expect(read(queue, recording, first - 1)).toMatchObject({ isLost: false, count: last - first + 1 });
  });

  it('keeps its bytes within the bound of a queue, and those of all queues, of which the oldest go first', () => {
    const one = recorded({ eventsPerQueueBytesMax: 30_000 });
    for (let added = 0; added < 2_000; added += 1) one.queue.add('x');
    const { first, last } = read(one.queue, one.recording, 4_000);
    expect((last - first + 1) * 31).toBeLessThanOrEqual(30_000);
    const many = recorded({ eventsBytesMax: 30_000 });
    const other = subscribe(many.queue, MINUTE, 'other');
    many.queue.add('x');
    for (let added = 0; added < 2_000; added += 1) many.queue.add('y', {}, 'other');
    // Its block is older than those that are dropped, and has its latest events.
    expect(read(many.queue, many.recording)).toMatchObject({ isLost: false, first: 1, last: 2, count: 2 });
    expect(read(many.queue, many.recording, 2)).toMatchObject({ isLost: false, count: 0 });
    expect(read(many.queue, other.recording, 4_000, 1, 'other').first).toBeGreaterThan(1_000);
    expect(read(many.queue, other.recording, 4_000, 1, 'other').isLost).toBe(false);
    many.queue.restart();
    expect(read(many.queue, other.recording, 4_000, 1, 'other').isLost).toBe(false);
  });

  it('is not begun beyond the bound of queues that record', () => {
    const { queue, recording } = recorded({ eventQueuesMax: 1 });
    expect(subscribe(queue, MINUTE, 'other')).toMatchObject({ recording: 0 });
    expect(subscribe(queue)).toMatchObject({ recording });
  });

  it('is read in parts, without a gap or a repetition', () => {
    const { queue, recording } = recorded();
    for (let added = 0; added < 300; added += 1) queue.add('x');
    let after = 0;
    for (let page = read(queue, recording, after, 7); page.count > 0; page = read(queue, recording, after, 7)) {
      const jobs = readEvents(page.events).map(({ jobId }) => jobId);
      expect(jobs).toEqual(Array.from({ length: page.count }, (_, at) => Math.ceil((after + at + 1) / 2)));
      after += page.count;
    }
    expect(after).toBe(600);
  });
});

describe('a checkpoint of events', () => {
  it('has them in few records, writes the latest ones again only, and brings all back', () => {
    const { queue, recording } = recorded();
    for (let added = 0; added < 1_000; added += 1) queue.add('x');
    queue.checkpoint();
    const before = eventsOf(queue, recording);
    queue.add('y');
    // The machine, the session, the page of jobs and its payloads; the recording, and one block.
    expect(queue.checkpoint()).toBeLessThanOrEqual(6);
    const digest = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(digest);
    expect(eventsOf(queue, recording).slice(0, 2_000)).toEqual(before);
    queue.add('z');
    expect(namesOf(queue, recording, 2_002)).toEqual(['added', 'waiting']);
    expect(read(queue, recording, 2_004)).toMatchObject({ first: 1, last: 2_004, isLost: false });
  });

  it('forgets those that were dropped, and a recording that ended', () => {
    const { queue, recording } = recorded({ eventsPerQueueMax: 16 });
    for (let added = 0; added < 20; added += 1) {
      queue.add('x', { keepCompleted: 0 });
      queue.checkpoint();
    }
    const { first } = read(queue, recording, 40);
    queue.restart();
    expect(read(queue, recording, 40).first).toBe(first);
    queue.pass(MINUTE);
    queue.restart();
    expect(read(queue, recording)).toMatchObject({ recording: 0, isLost: true });
  });

  it('keeps the number of the latest event of a recording whose events were all dropped', () => {
    const { queue, recording } = recorded({ eventsBytesMax: 2_000 });
    subscribe(queue, MINUTE, 'other');
    queue.add('x');
    for (let added = 0; added < 100; added += 1) queue.add('y', {}, 'other');
    expect(read(queue, recording)).toMatchObject({ isLost: true, first: 3, last: 2 });
    queue.restart();
    queue.add('z');
    expect(read(queue, recording, 2)).toMatchObject({ isLost: false, count: 2, last: 4 });
  });
});

describe('commands on events', () => {
  it('are unknown to earlier versions', () => {
    const queue = new TestQueue();
    const request = queue.request((to) => to.command('subscribeEvents', { queue: 'q', ttlMs: 1 }));
    const bounds = { payloadBytesMax: 1_000 };
    expect(validateRequest(request, bounds, EVENTS_VERSION)).toBeUndefined();
    expect(validateRequest(request, bounds, EVENTS_VERSION - 1)).toMatchObject({ code: 'INVALID_REQUEST' });
    const endless = queue.request((to) => to.command('subscribeEvents', { queue: 'q', ttlMs: Number.POSITIVE_INFINITY }));
    expect(validateRequest(endless, bounds, EVENTS_VERSION)?.message).toContain('A subscription lasts Infinity ms.');
  });

  it('have bounds that hold a block of each queue that records', () => {
    expect(STATE_BOUNDS.eventsBytesMax).toBeGreaterThan(STATE_BOUNDS.eventsPerQueueBytesMax);
  });

  it('wake the readers of the queue, and of no other', () => {
    const { queue } = recorded();
    queue.readable = [];
    queue.add('x');
    queue.add('y', {}, 'other');
    expect([...new Set(queue.readable)]).toEqual(['q']);
    queue.readable = [];
    queue.pass(MINUTE);
    expect(queue.readable).toEqual(['q']);
  });
});
