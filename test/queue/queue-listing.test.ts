import { describe, expect, it } from 'vitest';
import { LOOK_BYTES, LOOKED_PER_STEP_MAX } from '../../src/queue/listing.ts';
import { options, TestQueue } from './harness.ts';

const none = new Uint8Array(0);

interface Page {
  readonly names: readonly string[];
  readonly last: number;
  readonly isOver: boolean;
}

function pageOf(queue: TestQueue, after = 0, countMax = 10_000): Page {
  const [result] = queue.read((to) => to.command('queueNames', { after, countMax }));
  if (result?.ok !== true || result.type !== 'queueNames') throw new Error(`no page: ${JSON.stringify(result)}`);
  return result;
}

function pagesOf(queue: TestQueue, countMax = 10_000): readonly (readonly string[])[] {
  const pages: (readonly string[])[] = [];
  for (let after = 0; ; ) {
    const page = pageOf(queue, after, countMax);
    pages.push(page.names);
    if (page.isOver) return pages;
    after = page.last;
  }
}

/** @param nameOf the name of each queue. */
function aCluster(queues: number, nameOf = (at: number): string => `queue-${at}`): TestQueue {
  const queue = new TestQueue();
  queue.send((to) => {
    for (let at = 1; at <= queues; at += 1) to.add(nameOf(at), none, options());
  });
  return queue;
}

describe('the names of the queues', () => {
  it('are listed in the order in which they came to be, also after a restart', () => {
    const queue = aCluster(5);
    queue.add('x', {}, 'another');
    const names = ['queue-1', 'queue-2', 'queue-3', 'queue-4', 'queue-5', 'another'];
    expect(pageOf(queue)).toEqual({ ok: true, type: 'queueNames', names, last: 6, isOver: true });
    queue.restart();
    expect(pageOf(queue).names).toEqual(names);
  });

  it('are those of queues with jobs, and of paused ones', () => {
    const queue = new TestQueue();
    expect(pageOf(queue)).toMatchObject({ names: [], isOver: true });
    queue.add('x', {}, 'gone');
    queue.add('x', {}, 'full');
    queue.do((to) => to.command('remove', { queue: 'gone', jobId: 1 }));
    queue.do((to) => to.command('pause', { queue: 'paused', isPaused: true }));
    expect(pageOf(queue).names).toEqual(['full', 'paused']);
  });

  it('are listed in pages, while queues come and go', () => {
    const queue = aCluster(7);
    expect(pagesOf(queue, 3)).toEqual([['queue-1', 'queue-2', 'queue-3'], ['queue-4', 'queue-5', 'queue-6'], ['queue-7']]);
    const first = pageOf(queue, 0, 3);
    queue.do((to) => to.command('remove', { queue: 'queue-3', jobId: 3 }));
    queue.do((to) => to.command('remove', { queue: 'queue-4', jobId: 4 }));
    queue.add('x', {}, 'new');
    expect(pageOf(queue, first.last, 3)).toMatchObject({ names: ['queue-5', 'queue-6', 'queue-7'], isOver: false });
  });

  it('take a bounded number of bytes in a page, and at least one fits', () => {
    const longName = (at: number): string => `${at}`.padStart(256, 'x');
    const pages = pagesOf(aCluster(1_000, longName));
    expect(pages.length).toBeGreaterThan(1);
    expect(Math.max(...pages.map((names) => names.length)) * 256).toBeLessThanOrEqual(65_536);
    expect(pages.flat()).toEqual(Array.from({ length: 1_000 }, (_, at) => longName(at + 1)));
  });

  it('are found in bounded steps, also the last of many', () => {
    const queues = 2 * LOOKED_PER_STEP_MAX + 10;
    const queue = aCluster(queues);
    const request = queue.request((to) => to.command('queueNames', { after: queues - 2, countMax: 10 }));
    const run = queue.machine.openQuery(request);
    let steps = 0;
    for (; !run.isOver; steps += 1) {
      run.next(1);
      expect(run.workBytes).toBeLessThanOrEqual(LOOKED_PER_STEP_MAX * LOOK_BYTES);
    }
    expect(steps).toBe(3);
    expect(pageOf(queue, queues - 2)).toMatchObject({ names: [`queue-${queues - 1}`, `queue-${queues}`], isOver: true });
    expect(pagesOf(queue).flat()).toHaveLength(queues);
  });

  it('are read only in queries, which no log contains', () => {
    const queue = new TestQueue();
    expect(queue.do((to) => to.command('queueNames', { after: 0, countMax: 1 }))).toMatchObject({ ok: false, code: 'INVALID_REQUEST' });
  });
});
