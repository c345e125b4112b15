import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLICY_DEFAULTS } from '../../src/protocol/policy.ts';
import { Job, NEVER } from '../../src/queue/job.ts';
import { NamedQueue } from '../../src/queue/named-queue.ts';
import { SegmentedFifo } from '../../src/queue/segmented-fifo.ts';

const queue = new NamedQueue<Job>(1, 'a');
const policy = queue.sharePolicy(POLICY_DEFAULTS);

/** An operation on the FIFO, and its count. Counts on both sides of a segment's 1,024 jobs. */
const anyStep = fc.record({ type: fc.constantFrom('push', 'shift', 'retain'), count: fc.constantFrom(1, 7, 1000, 1024, 2500) });

describe('a segmented FIFO', () => {
  it('serves jobs as an array would, across its segments', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
        const line = new SegmentedFifo<Job>();
        let expected: Job[] = [];
        let nextId = 1;
        for (const { type, count } of steps) {
          if (type === 'retain') {
            const isKept = ({ id }: Job): boolean => id % 3 !== count % 3;
            line.retain(isKept);
            expected = expected.filter(isKept);
          } else if (type === 'push') {
            for (let pushed = 0; pushed < count; pushed += 1, nextId += 1) {
              const job = new Job(nextId, policy, 0, NEVER);
              line.push(job);
              expected.push(job);
            }
          } else {
            const served = Array.from({ length: count }, () => line.shift()?.id);
            expect(served).toEqual(Array.from({ length: count }, (_, at) => expected[at]?.id));
            expected = expected.slice(count);
          }
          expect(line.size).toBe(expected.length);
          expect([line.first?.id, line.last?.id]).toEqual([expected[0]?.id, expected.at(-1)?.id]);
          expect(Array.from(line.values(), ({ id }) => id)).toEqual(expected.map(({ id }) => id));
        }
      }),
      { numRuns: 50 },
    );
  });
});
