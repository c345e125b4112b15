import { describe, expect, it } from 'vitest';
import { decodeReply } from '../../src/protocol/reply.ts';
import { LOOK_BYTES, LOOKED_PER_STEP_MAX } from '../../src/queue/listing.ts';
import { addTree } from './flows.ts';
import { options, TestQueue } from './harness.ts';
import { idsOf, LISTED_STATES, type ListedState, listingOf, pageIn, pageOf } from './listings.ts';

const LIFO = { isLifo: true };
const none = new Uint8Array(0);
const claimedBy = (queue: TestQueue, countMax = 9_999): number[] => queue.claim(countMax).map(({ id }) => id);
const remove = (queue: TestQueue, jobId: number): unknown => queue.do((to) => to.command('remove', { queue: 'q', jobId }));

function complete(queue: TestQueue, ...ids: readonly number[]): void {
  const jobs = queue.claim(9_999);
  for (const id of ids) queue.do((to) => to.complete(id, jobs.find((job) => job.id === id)?.token ?? 0, none));
}

/** Five jobs in each state, in an order of their own. */
function aQueueInAllStates(): { readonly queue: TestQueue; readonly expected: Readonly<Record<ListedState, readonly number[]>> } {
  const queue = new TestQueue();
  for (let id = 1; id <= 15; id += 1) queue.add('x');
  const jobs = queue.claim(15, 60_000);
  const end = (id: number, isFailed: boolean): unknown => {
    const token = jobs.find((job) => job.id === id)?.token ?? 0;
    return queue.do((to) =>
      isFailed ? to.command('fail', { jobId: id, token, reason: 'x', retry: false }) : to.complete(id, token, none),
    );
  };
  const completed = [9, 6, 10, 7, 8];
  const failed = [12, 11, 15, 13, 14];
  for (const id of completed) end(id, false);
  for (const id of failed) end(id, true);
  for (const delayMs of [500, 300, 500, 100, 400]) queue.add('x', { delayMs });
  for (let id = 21; id <= 25; id += 1) queue.add('x', { priority: id % 2 });
  const waiting = [22, 24, 21, 23, 25];
  const parents = Array.from(
    { length: 5 },
    () => addTree(queue, { name: 'parent', children: [{ name: 'child', queue: 'children' }] }).parent ?? 0,
  );
  return {
    queue,
    expected: { waiting, active: [1, 2, 3, 4, 5], delayed: [19, 17, 20, 16, 18], completed, failed, 'waiting-children': parents },
  };
}

describe('the jobs of a state', () => {
  it.each(LISTED_STATES)('%s are listed in its order, and backwards', (state) => {
    const { queue, expected } = aQueueInAllStates();
    expect(pageOf(queue, { state }).ids).toEqual(expected[state]);
    expect(pageOf(queue, { state, isDescending: true }).ids).toEqual([...expected[state]].reverse());
  });

  it.each(LISTED_STATES)('%s are listed in pages, each of which begins where the one before ended', (state) => {
    const { queue, expected } = aQueueInAllStates();
    for (const countMax of [1, 2, 5, 6]) {
      expect(idsOf(queue, { state, countMax })).toEqual(expected[state]);
      expect(idsOf(queue, { state, countMax, isDescending: true })).toEqual([...expected[state]].reverse());
    }
  });

  it.each(LISTED_STATES)('%s can be skipped, also all of them and more', (state) => {
    const { queue, expected } = aQueueInAllStates();
    expect(pageOf(queue, { state, start: 2, countMax: 2 })).toMatchObject({ skipped: 2, isOver: false, ids: expected[state].slice(2, 4) });
    expect(pageOf(queue, { state, start: 3, countMax: 2 })).toMatchObject({ skipped: 3, isOver: true, ids: expected[state].slice(3) });
    expect(pageOf(queue, { state, start: 5 })).toMatchObject({ skipped: 5, isOver: true, ids: [] });
    expect(pageOf(queue, { state, start: 2 ** 32 - 1 })).toMatchObject({ skipped: 5, isOver: true, ids: [] });
  });

  it.each(LISTED_STATES)('%s are the same after a restart', (state) => {
    const { queue, expected } = aQueueInAllStates();
    queue.restart();
    expect(pageOf(queue, { state }).ids).toEqual(expected[state]);
  });

  it('are those of one queue; an unknown one has none', () => {
    const { queue } = aQueueInAllStates();
    const id = queue.add('x', {}, 'other');
    expect(pageOf(queue, { queue: 'other' })).toMatchObject({ ids: [id], isOver: true });
    expect(pageOf(queue, { queue: 'unknown' })).toMatchObject({ ids: [], skipped: 0, isOver: true });
  });

  it('are read only in queries, which no log contains, and change nothing', () => {
    const { queue } = aQueueInAllStates();
    const before = queue.machine.digest();
    for (const state of LISTED_STATES) idsOf(queue, { state, countMax: 2 });
    expect(queue.machine.digest()).toBe(before);
    expect(queue.do(listingOf())).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });
});

describe('waiting jobs', () => {
  it('are listed as claims take them: by priority, those with lifo first, and those that came back at their place', () => {
    const queue = new TestQueue();
    for (let id = 1; id <= 60; id += 1) queue.add('x', { priority: id % 3, isLifo: id % 4 === 0, delayMs: id % 5 === 0 ? 50 : 0 });
    const jobs = queue.claim(12, 1_000);
    for (let id = 61; id <= 80; id += 1) queue.add('x', { priority: id % 3, isLifo: id % 4 === 0 });
    queue.pass(50);
    for (const { id, token } of jobs.slice(0, 6)) queue.do((to) => to.command('release', { jobId: id, token }));
    for (let id = 7; id <= 80; id += 7) remove(queue, id);
    const listed = idsOf(queue, { countMax: 4 });
    expect(idsOf(queue, { countMax: 4, isDescending: true })).toEqual([...listed].reverse());
    expect(listed.length).toBeGreaterThan(60);
    expect(listed).toEqual(claimedBy(queue));
  });

  it('are listed in their order when many of them were removed', () => {
    const queue = new TestQueue();
    queue.send((to) => {
      for (let id = 1; id <= 6_000; id += 1) to.add('q', none, options({ isLifo: id % 3 === 0 }));
    });
    queue.send((to) => {
      for (let id = 1; id <= 2_500; id += 1) to.command('remove', { queue: 'q', jobId: id });
    });
    const listed = idsOf(queue, { countMax: 900 });
    expect(idsOf(queue, { countMax: 900, isDescending: true })).toEqual([...listed].reverse());
    expect(listed).toEqual(claimedBy(queue));
  });

  it('that stay are all listed, once, while others are claimed, added and removed between the pages', () => {
    const queue = new TestQueue();
    for (let id = 1; id <= 40; id += 1) queue.add('x');
    const first = pageOf(queue, { countMax: 10 });
    queue.claim(15);
    queue.add('x', LIFO);
    queue.add('x');
    remove(queue, 20);
    const rest = idsOf(queue, { countMax: 10, after: first });
    expect(first.ids).toEqual(Array.from({ length: 10 }, (_, at) => 1 + at));
    expect(rest).toEqual([16, 17, 18, 19, ...Array.from({ length: 20 }, (_, at) => 21 + at), 42]);
  });

  it('of a paused queue are listed', () => {
    const queue = new TestQueue();
    queue.add('x');
    queue.do((to) => to.command('pause', { queue: 'q', isPaused: true }));
    expect(pageOf(queue).ids).toEqual([1]);
  });
});

describe('finished jobs', () => {
  it.each([false, true])('are continued when the last one of a page has been removed (backwards: %s)', (isDescending) => {
    const queue = new TestQueue();
    for (let id = 1; id <= 9; id += 1) queue.add('x');
    complete(queue, 3, 1, 2, 6, 5, 4, 9, 8, 7);
    const listing = { state: 'completed', countMax: 4, isDescending } as const;
    const first = pageOf(queue, listing);
    const all = isDescending ? [7, 8, 9, 4, 5, 6, 2, 1, 3] : [3, 1, 2, 6, 5, 4, 9, 8, 7];
    expect(first.ids).toEqual(all.slice(0, 4));
    remove(queue, all[3] ?? 0);
    expect(idsOf(queue, { ...listing, after: first })).toEqual(all.slice(4));
  });

  it('that are dropped by retention are left out', () => {
    const queue = new TestQueue();
    for (let id = 1; id <= 5; id += 1) queue.add('x', { keepCompleted: 3 });
    complete(queue, 1, 2, 3, 4, 5);
    expect(pageOf(queue, { state: 'completed' }).ids).toEqual([3, 4, 5]);
  });

  it('that failed and are retried are no longer among them', () => {
    const { queue } = aQueueInAllStates();
    queue.do((to) => to.command('retry', { queue: 'q', jobId: 15 }));
    expect(pageOf(queue, { state: 'failed' }).ids).toEqual([12, 11, 13, 14]);
    expect(pageOf(queue).ids).toEqual([15, 22, 24, 21, 23, 25]);
  });
});

const MANY = LOOKED_PER_STEP_MAX + 2_000;
/** A permutation of the delays 1 to MANY. */
const delayOf = (id: number): number => 1 + ((id * 7_919) % MANY);

/** More delayed jobs than one step looks at. */
function aQueueOfManyDelayed(): TestQueue {
  const queue = new TestQueue();
  queue.send((to) => {
    for (let id = 1; id <= MANY; id += 1) to.add('q', none, options({ delayMs: delayOf(id) }));
  });
  return queue;
}

const byDelay = (): number[] => Array.from({ length: MANY }, (_, at) => at + 1).sort((a, b) => delayOf(a) - delayOf(b));

describe('a page that one step does not find', () => {
  it('takes several bounded steps, and is the same', () => {
    const queue = aQueueOfManyDelayed();
    const run = queue.machine.openQuery(queue.request(listingOf({ state: 'delayed', start: 3, countMax: 100 })));
    const replies: (Uint8Array | undefined)[] = [];
    while (!run.isOver) {
      replies.push(run.next(1));
      expect(run.workBytes).toBeLessThanOrEqual(LOOKED_PER_STEP_MAX * LOOK_BYTES);
    }
    const last = replies.pop();
    expect(replies.length).toBeGreaterThan(0);
    expect(replies.every((reply) => reply === undefined)).toBe(true);
    const [result] = last === undefined ? [] : decodeReply(last).results;
    expect(pageIn(result)).toMatchObject({ skipped: 3, isOver: false, ids: byDelay().slice(3, 103) });
  });

  it('is followed by the next ones, forwards and backwards', () => {
    const queue = aQueueOfManyDelayed();
    expect(idsOf(queue, { state: 'delayed', countMax: 4_000 })).toEqual(byDelay());
    expect(idsOf(queue, { state: 'delayed', countMax: 4_000, isDescending: true })).toEqual(byDelay().reverse());
    expect(idsOf(queue, { state: 'delayed', start: MANY - 5, countMax: 4 })).toEqual(byDelay().slice(-5));
  });

  it('leaves out what has left the state, and has what stayed in it', () => {
    const queue = aQueueOfManyDelayed();
    const run = queue.machine.openQuery(queue.request(listingOf({ state: 'delayed', countMax: 6 })));
    expect(run.next(1)).toBeUndefined();
    // The first was not looked at yet, the second was.
    const [first = 0, second = 0, ...others] = byDelay();
    remove(queue, first);
    remove(queue, second);
    queue.add('x', { delayMs: 1 });
    const reply = run.next(Number.POSITIVE_INFINITY);
    expect(pageIn(reply === undefined ? undefined : decodeReply(reply).results[0]).ids).toEqual(others.slice(0, 5));
  });

  it('has a job whose priority is changed meanwhile', () => {
    const queue = aQueueOfManyDelayed();
    const run = queue.machine.openQuery(queue.request(listingOf({ state: 'delayed', countMax: 6 })));
    expect(run.next(1)).toBeUndefined();
    // The first was not looked at yet, the second was.
    for (const jobId of byDelay().slice(0, 2)) queue.do((to) => to.command('changePriority', { queue: 'q', jobId, priority: 5 }));
    const reply = run.next(Number.POSITIVE_INFINITY);
    expect(pageIn(reply === undefined ? undefined : decodeReply(reply).results[0]).ids).toEqual(byDelay().slice(0, 6));
  });

  it('is found among jobs that wait again after a delay, and so have no order', () => {
    const queue = aQueueOfManyDelayed();
    queue.add('x');
    queue.pass(MANY);
    // A bounded number becomes due with each entry.
    queue.apply();
    const listed = idsOf(queue, { countMax: 3_000 });
    expect(listed).toEqual(Array.from({ length: MANY + 1 }, (_, at) => at + 1));
    expect(idsOf(queue, { countMax: 3_000, isDescending: true })).toEqual([...listed].reverse());
  });

  it('does not delay the results before it', () => {
    const queue = aQueueOfManyDelayed();
    const request = queue.request((to) => {
      to.command('counts', { queue: 'q' });
      listingOf({ state: 'delayed', countMax: 1 })(to);
      to.command('counts', { queue: 'other' });
    });
    const run = queue.machine.openQuery(request);
    const results: string[] = [];
    let steps = 0;
    for (; !run.isOver; steps += 1) {
      const reply = run.next(1);
      for (const result of reply === undefined ? [] : decodeReply(reply).results) results.push(result.ok ? result.type : result.code);
      if (steps === 0) expect(results).toEqual(['counts']);
    }
    expect(steps).toBeGreaterThan(1);
    expect(results).toEqual(['counts', 'jobIds', 'counts']);
  });
});
