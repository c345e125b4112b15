import { describe, expect, it } from 'vitest';
import { ChildStatus } from '../../src/protocol/flow.ts';
import type { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { addTree } from './flows.ts';
import { bytesOf, TestQueue } from './harness.ts';

const OPERATIONS = 400;
const PART_BYTES_MAX = 256 * 1024;
/** One operation may pass the bound. */
const OPERATION_BYTES_MAX = 300 * 1024;

/** Bytes of the first part of the reply to many of these queries. */
function firstPartOf(queue: TestQueue, query: (to: RequestEncoder) => void): number {
  const request = queue.request((to) => {
    for (let at = 0; at < OPERATIONS; at += 1) query(to);
  });
  return queue.machine.openQuery(request).next(PART_BYTES_MAX)?.length ?? 0;
}

describe('a part of the reply to many queries', () => {
  it('of children with their results is bounded', () => {
    const queue = new TestQueue();
    const { parent = 0 } = addTree(queue, { name: 'parent', children: [1, 2, 3, 4, 5, 6].map((at) => ({ name: `child ${at}` })) });
    for (const { id, token } of queue.claim(6, 60_000)) queue.do((to) => to.complete(id, token, new Uint8Array(32_000)));
    const children = { queue: 'q', jobId: parent, status: ChildStatus.processed, hasValues: true, after: 0, countMax: 100 };
    const bytes = firstPartOf(queue, (to) => to.command('children', children));
    expect(bytes).toBeGreaterThan(PART_BYTES_MAX / 2);
    expect(bytes).toBeLessThan(PART_BYTES_MAX + OPERATION_BYTES_MAX);
  });

  it('of children counts those that it looks at, and does not return', () => {
    const queue = new TestQueue();
    const { parent = 0 } = addTree(queue, { name: 'parent', children: Array.from({ length: 500 }, (_, at) => ({ name: `child ${at}` })) });
    const children = { queue: 'q', jobId: parent, status: ChildStatus.failed, hasValues: false, after: 0, countMax: 100 };
    const bytes = firstPartOf(queue, (to) => to.command('children', children));
    expect(bytes).toBeGreaterThan(0);
    // 500 are looked at for each of the 400, of whose results only a few fit into a turn.
    expect(bytes).toBeLessThan(1_000);
  });

  it('of events is bounded', () => {
    const queue = new TestQueue();
    const subscribed = queue.do((to) => to.command('subscribeEvents', { queue: 'q', ttlMs: 60_000 }));
    if (!subscribed.ok || subscribed.type !== 'subscribed') throw new Error('not subscribed');
    const jobId = queue.add('x');
    const payload = bytesOf(`"${'x'.repeat(4_000)}"`);
    for (let at = 0; at < 80; at += 1) queue.do((to) => to.command('updateProgress', { queue: 'q', jobId, token: 0, payload }));
    const read = { queue: 'q', recording: subscribed.recording, afterId: 0, countMax: 10_000, waitMs: 0 };
    const bytes = firstPartOf(queue, (to) => to.command('readEvents', read));
    expect(bytes).toBeGreaterThan(PART_BYTES_MAX / 2);
    expect(bytes).toBeLessThan(PART_BYTES_MAX + OPERATION_BYTES_MAX);
  });
});
