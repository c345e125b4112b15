import { describe, expect, it } from 'vitest';
import { asIndex, asNodeId, ZERO_ENTRY } from '../../src/base/ids.ts';
import { clusterLimits } from '../../src/config/limits.ts';
import { CheckpointPace } from '../../src/node/checkpoint-pace.ts';
import { CheckpointSchedule } from '../../src/node/checkpoint-schedule.ts';
import type { RecordChange } from '../../src/protocol/record.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { bytesOf, options, TestQueue } from '../queue/harness.ts';

/** A pace, and checkpoints whose pages each take this many milliseconds. */
function aPace() {
  let nowMs = 0;
  const pace = new CheckpointPace(() => nowMs);
  const write = (work: number, pageMs: number): void => {
    const changes: RecordChange[] = Array.from({ length: work }, (_, key) => ({ kind: 0, key, value: undefined }));
    for (const _ of pace.measured(changes, work)) nowMs += pageMs;
  };
  return { pace, write };
}

describe('the pace of checkpoints', () => {
  it('follows the fastest of the latest measurements', () => {
    const { pace, write } = aPace();
    expect(pace.workMax).toBeCloseTo(150);
    for (let count = 0; count < 16; count += 1) write(100, 0.01);
    expect(pace.workMax).toBeCloseTo(300);
    for (let count = 0; count < 16; count += 1) write(100, 0.05);
    expect(pace.workMax).toBeCloseTo(60);
  });

  it('ignores measurements of a preempted thread, of a clock that does not advance, and of very small checkpoints', () => {
    const { pace, write } = aPace();
    write(100, 0.02);
    for (let count = 0; count < 15; count += 1) write(100, 4);
    expect(pace.workMax).toBeCloseTo(150);
    for (let count = 0; count < 40; count += 1) write(3, 0.001);
    expect(pace.workMax).toBeCloseTo(150);
    for (let count = 0; count < 16; count += 1) write(100, 0);
    expect(pace.workMax).toBeCloseTo(600);
    for (let count = 0; count < 16; count += 1) write(100, 1_000);
    expect(pace.workMax).toBeCloseTo(30);
  });
});

describe('a checkpoint', () => {
  const LAST = { ...ZERO_ENTRY, configuration: configurationOf({}) };
  const addMany = (queue: TestQueue, count: number, bytes: number): void => {
    for (let left = count; left > 0; left -= 500) {
      queue.send((to) => {
        for (let at = 0; at < Math.min(left, 500); at += 1) to.add('q', bytesOf('x'.repeat(bytes)), options({ keepCompleted: 0 }));
      });
    }
  };
  const isDue = (queue: TestQueue): boolean => {
    const schedule = new CheckpointSchedule(clusterLimits({ checkpointRecords: 1_000_000 }), LAST, asNodeId(5), () => 0);
    return schedule.isDue(queue.machine, asIndex(queue.index));
  };

  it('is due once writing it would take a few milliseconds: of many small jobs, or of fewer large ones', () => {
    const small = new TestQueue();
    addMany(small, 2_500, 1);
    expect(isDue(small)).toBe(false);
    addMany(small, 3_000, 1);
    expect(isDue(small)).toBe(true);
    small.checkpoint();
    expect(isDue(small)).toBe(false);

    const large = new TestQueue();
    addMany(large, 500, 4_000);
    expect(isDue(large)).toBe(true);
  });

  it('waits for more changes of the same pages, since each page is written as a whole', () => {
    const queue = new TestQueue();
    addMany(queue, 6_400, 1);
    queue.checkpoint();
    for (let id = 1; id < 6_400; id += 32) queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    expect(queue.machine.pendingWork.repeated).toBeGreaterThanOrEqual(200);
    expect(isDue(queue)).toBe(false);
    for (let at = 2; at < 10; at += 1) {
      queue.do((to) => {
        for (let id = at; id < 6_400; id += 32) to.command('remove', { queue: 'q', jobId: id });
      });
    }
    expect(queue.machine.pendingWork.once).toBeGreaterThanOrEqual(200);
    expect(isDue(queue)).toBe(true);
  });

  it('is not due for jobs that were added and removed, however many and large', () => {
    const queue = new TestQueue();
    queue.checkpoint();
    for (let round = 0; round < 10; round += 1) {
      addMany(queue, 500, 4_000);
      for (const job of queue.claim(500)) queue.do((to) => to.complete(job.id, job.token, new Uint8Array(0)));
    }
    expect(queue.machine.pendingWork.once).toBe(0);
    expect(isDue(queue)).toBe(false);
  });

  it('counts results once, and removed large payloads', () => {
    const queue = new TestQueue();
    addMany(queue, 32, 100_000);
    queue.checkpoint();
    const before = queue.machine.pendingWork.once;
    for (let id = 1; id <= 16; id += 1) queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    // Deleting bytes costs a fraction of writing them.
    expect(queue.machine.pendingWork.once - before).toBeGreaterThan(8);
    expect(queue.machine.pendingWork.once - before).toBeLessThan(40);

    const kept = new TestQueue();
    for (let job = 0; job < 20; job += 1) kept.add('x', { keepCompleted: 10 });
    for (const job of kept.claim(20)) kept.do((to) => to.complete(job.id, job.token, new Uint8Array(16 * 1024)));
    // Ten remain, of 18 KiB each with their rows, in pages of 8 KiB.
    expect(kept.machine.pendingWork.once).toBeGreaterThan(22);
    expect(kept.machine.pendingWork.once).toBeLessThan(26);
  });
});
