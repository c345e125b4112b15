import { describe, expect, it } from 'vitest';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { RECORD_KINDS, RecordKind } from '../../src/queue/record.ts';
import { bytesOf, options, TestQueue, textOf } from './harness.ts';

const none = new Uint8Array(0);

/** One job in each reachable state, in two queues. */
function aQueueWithEverything(): TestQueue {
  const queue = new TestQueue();
  const completed = queue.add('completed');
  const failed = queue.add('failed', { attemptsMax: 1 });
  for (const job of queue.claim(2)) {
    queue.do((to) =>
      job.id === completed
        ? to.complete(job.id, job.token, bytesOf('result'))
        : to.command('fail', { jobId: failed, token: job.token, reason: 'reason', retry: true }),
    );
  }
  queue.add('active');
  queue.claimOne();
  queue.add('delayed', { delayMs: 5000, backoff: { type: 'exponential', delayMs: 7 } });
  queue.add('waiting', { priority: 3, keepCompleted: 0, keepFailed: 9 }, 'other');
  return queue;
}

describe('a checkpoint', () => {
  it('restores the same state, without payloads in memory', () => {
    const queue = aQueueWithEverything();
    const digest = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(digest);
    expect([1, 2, 3, 4, 5].map((id) => queue.job(id)?.state)).toEqual(['completed', 'failed', 'active', 'delayed', 'waiting']);
    expect([1, 2, 3, 4, 5].map((id) => textOf(queue.job(id)?.payload))).toEqual(['completed', 'failed', 'active', 'delayed', 'waiting']);
    expect(textOf(queue.job(1)?.result)).toBe('result');
    expect(queue.job(2)?.failedReason).toBe('reason');
  });

  it('names its kinds in the order of their numbers', () => {
    expect(RECORD_KINDS.map((kind) => RecordKind[kind])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('writes only what changed', () => {
    const queue = aQueueWithEverything();
    queue.checkpoint();
    // The machine's own record and nothing else.
    expect(queue.machine.pendingChanges).toBe(0);
    expect(queue.checkpoint()).toBe(1);
    queue.claim(1, 1000, 'other');
    // The machine, the session and the job's row, not its payload.
    expect(queue.checkpoint()).toBe(3);
  });

  it('has no record of a job that came and went since the last one', () => {
    const queue = new TestQueue();
    queue.checkpoint();
    const before = queue.tables.rows;
    const id = queue.add('x', { keepCompleted: 0 });
    const { token } = queue.claimOne();
    queue.do((to) => to.complete(id, token, none));
    const written = queue.checkpoint();
    // Machine and session; the queue that was created is dropped with its job.
    expect(written).toBe(2);
    expect(queue.tables.rows).toBe(before);
    expect(queue.tables.keys(RecordKind.jobs)).toEqual([]);
  });

  it('deletes the records of a removed job, including its outcome', () => {
    const queue = aQueueWithEverything();
    queue.checkpoint();
    for (const id of [1, 2, 4]) queue.do((to) => to.command('remove', { queue: 'q', jobId: id }));
    queue.do((to) => to.command('remove', { queue: 'other', jobId: 5 }));
    queue.checkpoint();
    // All five are in one page, and their payloads share a record, which stays until the last of them is gone.
    expect(queue.tables.keys(RecordKind.jobs)).toEqual([0]);
    expect(queue.tables.keys(RecordKind.content)).toEqual([2]);
    const token = queue.job(3)?.token ?? 0;
    expect(queue.do((to) => to.command('release', { jobId: 3, token }))).toMatchObject({ ok: true });
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 3 }));
    queue.checkpoint();
    expect(queue.tables.keys(RecordKind.jobs)).toEqual([]);
    expect(queue.tables.keys(RecordKind.content)).toEqual([]);
  });

  it('gives a large payload a record of its own, and small neighbours one together', () => {
    const queue = new TestQueue();
    const payloads = ['a'.repeat(3_000), 'b', 'c'.repeat(3_000), 'd'.repeat(8_000), '', 'e'];
    for (const payload of payloads) queue.add(payload);
    queue.checkpoint();
    // 1 and 2 together, 3 alone, 4 alone, 6 alone; 5 has none.
    expect(queue.tables.keys(RecordKind.content)).toEqual([2, 6, 8, 12]);
    const digest = queue.machine.digest();
    queue.restart();
    expect(queue.machine.digest()).toBe(digest);
    expect([1, 2, 3, 4, 5, 6].map((id) => textOf(queue.job(id)?.payload))).toEqual(payloads);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 1 }));
    queue.checkpoint();
    expect(textOf(queue.job(2)?.payload)).toBe('b');
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 2 }));
    queue.do((to) => to.command('remove', { queue: 'q', jobId: 4 }));
    queue.checkpoint();
    expect(queue.tables.keys(RecordKind.content)).toEqual([6, 12]);
  });

  it('writes one record for the many neighbours that changed', () => {
    const queue = new TestQueue();
    queue.send((to) => {
      for (let count = 0; count < 640; count += 1) to.add('q', bytesOf('x'), options());
    });
    // The machine, the session, the queue, and 21 pages with a pack each: the first page begins with id 1.
    expect(queue.checkpoint()).toBe(3 + 2 * 21);
    queue.claim(64);
    expect(queue.checkpoint()).toBe(2 + 3);
  });

  it('deletes the outcome of a job that was retried', () => {
    const queue = aQueueWithEverything();
    queue.checkpoint();
    queue.do((to) => to.command('retry', { queue: 'q', jobId: 2 }));
    const digest = queue.machine.digest();
    queue.restart();
    expect(queue.tables.keys(RecordKind.content)).not.toContain(5);
    expect(queue.machine.digest()).toBe(digest);
  });

  it('tracks few changes while jobs come and go between two checkpoints', () => {
    const queue = new TestQueue();
    for (let round = 0; round < 20; round += 1) {
      queue.send((to) => {
        for (let count = 0; count < 1000; count += 1) to.add('q', none, options({ keepCompleted: 0 }));
      });
      const jobs = queue.claim(1000);
      queue.send((to) => {
        for (const job of jobs) to.complete(job.id, job.token, none);
      });
    }
    expect(queue.machine.pendingChanges).toBe(1);
    expect(queue.checkpoint()).toBe(2);
  });

  it('lets payloads leave memory and reads them back at the claim', () => {
    const reads: number[] = [];
    const queue = new TestQueue();
    queue.machine = new JobQueue({
      readRecord: (kind, key) => {
        reads.push(key);
        return queue.tables.read(kind, key);
      },
    });
    queue.index = 0;
    queue.sequence = 0;
    queue.do((to) => to.command('openSession', {}));
    queue.add('kept on disk');
    queue.checkpoint();
    queue.add('still in memory');
    expect(queue.claim(2).map((job) => textOf(job.payload))).toEqual(['kept on disk', 'still in memory']);
    expect(reads).toEqual([2]);
  });

  it('keeps the entry of large payloads, whose bytes it does not repeat, until the last of them is gone', () => {
    const queue = new TestQueue();
    const large = (letter: string): Uint8Array => bytesOf(letter.repeat(20_000));
    const payloads = [large('a'), bytesOf('small'), large('c')];
    queue.send((to) => {
      for (const payload of payloads) to.add('q', payload, options({ keepCompleted: 0 }));
    });
    const cameWith = queue.machine.appliedIndex;
    queue.add('another');
    queue.checkpoint();
    expect([...queue.tables.records(RecordKind.entry)].map(({ key }) => key)).toEqual([cameWith]);
    const stored = [...queue.tables.records(RecordKind.content)].reduce((sum, { value }) => sum + value.length, 0);
    expect(stored).toBeLessThan(100);
    queue.restart();
    const jobs = queue.claim(4);
    expect(jobs.map(({ payload }) => textOf(payload)?.slice(0, 5))).toEqual(['aaaaa', 'small', 'ccccc', 'anoth']);
    expect(jobs.map(({ payload }) => payload?.length)).toEqual([20_000, 5, 20_000, 7]);
    for (const [at, left] of [
      [0, 1],
      [2, 0],
    ] as const) {
      const job = jobs[at] as (typeof jobs)[number];
      queue.do((to) => to.complete(job.id, job.token, none));
      queue.checkpoint();
      expect([...queue.tables.records(RecordKind.entry)]).toHaveLength(left);
    }
  });

  it('repeats a payload that is small beside its entry, which it does not keep for that', () => {
    const queue = new TestQueue();
    queue.send((to) => {
      to.add('q', bytesOf('a'.repeat(10_000)), options());
      for (let at = 0; at < 400; at += 1) to.add('q', bytesOf('b'.repeat(1_000)), options());
    });
    queue.checkpoint();
    expect([...queue.tables.records(RecordKind.entry)]).toEqual([]);
    queue.restart();
    expect(queue.claim(1).map(({ payload }) => payload?.length)).toEqual([10_000]);
  });

  it('fails with a message if a payload that it wrote cannot be read', () => {
    const queue = new TestQueue();
    queue.machine = new JobQueue({ readRecord: () => undefined });
    queue.index = 0;
    queue.sequence = 0;
    queue.do((to) => to.command('openSession', {}));
    queue.add('x');
    queue.checkpoint();
    expect(() => queue.claim()).toThrow(/the payload of job 1 has no bytes/);
  });

  it('must be read to its end before it counts as written, with nothing applied meanwhile', () => {
    const queue = new TestQueue();
    queue.add('x');
    const changes = queue.machine.takeChanges();
    expect(() => queue.machine.checkpointWritten()).toThrow(/without being read/);
    expect(() => queue.apply()).toThrow(/while a checkpoint is written/);
    for (const change of changes) expect(change.kind).toBeLessThan(RECORD_KINDS.length);
    expect(() => [...changes]).toThrow(/read twice/);
    expect(queue.machine.checkpointWritten()).toBe(changes.count);
  });

  it('that is damaged is rejected', () => {
    const queue = aQueueWithEverything();
    queue.checkpoint();
    const fresh = new JobQueue({ readRecord: () => undefined });
    const without = (kind: number) => (asked: number) => (asked === kind ? [] : queue.tables.records(asked));
    expect(() => fresh.restore(without(RecordKind.queue))).toThrow(/queue that does not exist/);
    expect(() => fresh.restore(without(RecordKind.machine))).toThrow(/job 1/);
    const torn = (kind: number): { key: number; value: Uint8Array }[] =>
      queue.tables.records(kind).map(({ key, value }) => ({ key, value: value.subarray(0, 10) }));
    expect(() => fresh.restore(torn)).toThrow(/Malformed bytes/);
  });
});

describe('reset', () => {
  it('is the empty state, as is a checkpoint without records', () => {
    const empty = new JobQueue({ readRecord: () => undefined });
    const queue = aQueueWithEverything();
    queue.machine.reset();
    expect(queue.machine.digest()).toBe(empty.digest());
    queue.machine.restore(() => []);
    expect(queue.machine.digest()).toBe(empty.digest());
    expect(queue.machine.appliedIndex).toBe(0);
  });
});

describe('the digest', () => {
  it('differs when anything in the logical state does', () => {
    const digests = [
      new TestQueue(),
      aQueueWithEverything(),
      ...['x', 'y'].map((payload) => {
        const queue = new TestQueue();
        queue.add(payload);
        return queue;
      }),
    ].map((queue) => queue.machine.digest());
    expect(new Set(digests).size).toBe(4);
  });
});
