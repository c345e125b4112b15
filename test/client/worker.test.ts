import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import type { Job } from '../../src/client/api/job.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { InvalidOptionError, LeaseLostError, UnknownOptionError, UnrecoverableError } from '../../src/client/errors.ts';
import { PayloadTooLargeError } from '../../src/client/size-errors.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { eventually } from './eventually.ts';
import { FakeCluster } from './fake-cluster.ts';
import { countTimeInTurns } from './turn-time.ts';
import { aGate, aSetting as aWorkerSetting, closeAfterEach, toClose } from './worker-setting.ts';

/** Claims with a short wait. */
const aSetting = (nodes: readonly number[] = [1]) => aWorkerSetting({ nodes, claimWaitMs: 200 });

countTimeInTurns();
closeAfterEach();

/** Values that user code may throw, and the reason that their job gets. */
function oddlyThrown(): [string, unknown, RegExp][] {
  const throwing = new Proxy(new Error('hidden'), {
    get: () => {
      throw new Error('from a trap');
    },
    getPrototypeOf: () => {
      throw new Error('from a trap');
    },
  });
  return [
    ['an error whose message is an object', Object.assign(new Error('x'), { message: { reason: 7 } }), /^\{ reason: 7 \}$/],
    ['an error without a message', Object.assign(new RangeError('x'), { message: undefined }), /^RangeError$/],
    ['an object without a prototype', Object.create(null), /null prototype/],
    ['a proxy whose traps throw', throwing, /hidden/],
    ['undefined', undefined, /^undefined$/],
    ['null', null, /^null$/],
    ['a symbol', Symbol('odd'), /^Symbol\(odd\)$/],
  ];
}

describe('a worker', () => {
  it('completes every job once and reports its result', async () => {
    const { queue, aWorker } = aSetting();
    const added = await queue.addBulk(Array.from({ length: 500 }, (_, n) => ({ name: 'n', data: n })));
    const results = new Map<number, unknown>();
    const worker = aWorker(async (job) => job.data * 2, { concurrency: 20 });
    worker.on('completed', (job, result) => results.set(job.data, result));
    await eventually(() => expect(results.size).toBe(500));
    expect([...results].every(([n, result]) => result === n * 2)).toBe(true);
    expect(await queue.getJob(added[7]?.id ?? '')).toMatchObject({ state: 'completed', returnvalue: 14, attemptsMade: 1 });
  });

  it('waits at the cluster for jobs that are not there yet', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const worker = aWorker(async (job) => job.data);
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    const completed = once(worker, 'completed');
    await queue.add('n', 42);
    expect((await completed)[1]).toBe(42);
  });

  it('keeps at most one claim waiting, and claims again when it comes back empty', async () => {
    const { cluster, aWorker } = aSetting();
    aWorker(async () => 1, { concurrency: 10, claimWaitMs: 5 });
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(8));
    expect(cluster.parkedClaims).toBeLessThanOrEqual(1);
  });

  it('never runs more jobs at once than its concurrency', async () => {
    const { queue, aWorker } = aSetting();
    await queue.addBulk(Array.from({ length: 300 }, (_, n) => ({ name: 'n', data: n })));
    let running = 0;
    let most = 0;
    let done = 0;
    aWorker(
      async (job) => {
        running += 1;
        most = Math.max(most, running);
        for (let turn = 0; turn < job.data % 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        done += 1;
      },
      { concurrency: 7 },
    );
    await eventually(() => expect(done).toBe(300));
    expect(most).toBe(7);
  });

  it('leaves waiting jobs to others while its own jobs take long', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gate = aGate();
    await queue.addBulk(Array.from({ length: 10 }, (_, n) => ({ name: 'n', data: n })));
    aWorker(() => gate.opened, { concurrency: 3 });
    await eventually(() => expect(cluster.machine.counts('numbers').active).toBe(3));
    expect(cluster.machine.counts('numbers').waiting).toBe(7);
    gate.open();
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(10));
  });

  it('sends the completions of one turn and the next claim as one request', async () => {
    const { cluster, queue, aWorker } = aSetting();
    await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'n', data: n })));
    const before = cluster.requests.length;
    aWorker(async () => undefined, { concurrency: 10, prefetchMax: 0 });
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(100));
    const full = cluster.requests.slice(before).filter(({ operations }) => operations === 11);
    expect(full.length).toBeGreaterThanOrEqual(9);
  });

  it('completes once even if replies are lost', async () => {
    const { cluster, queue, aWorker } = aSetting([1, 2]);
    const seen: number[] = [];
    const worker = aWorker(
      async (job) => {
        seen.push(job.data);
        if (job.data % 5 === 0) cluster.repliesToSwallow = 1;
      },
      { concurrency: 3 },
    );
    const stalled: unknown[] = [];
    worker.on('stalled', (job) => stalled.push(job.id));
    await queue.addBulk(Array.from({ length: 30 }, (_, n) => ({ name: 'n', data: n })));
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(30));
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n));
    expect(stalled).toEqual([]);
  });

  it('continues after a time without a leader', async () => {
    const cluster = new FakeCluster([1]);
    const client = new Client(cluster, { deadlineMs: 30 });
    toClose.push(
      () => client.close(),
      () => cluster.close(),
    );
    const errors: Error[] = [];
    const worker = new Worker<number, number>('numbers', async (job) => job.data, { connection: client, claimWaitMs: 10 });
    toClose.unshift(() => worker.close(true));
    worker.on('error', (error) => errors.push(error));
    await worker.waitUntilReady();
    cluster.leader = undefined;
    await eventually(() => expect(errors.length).toBeGreaterThan(0));
    cluster.elect(1);
    // Not events.once(): on a busy machine another claim may fail before the first one brings the job.
    const completed = new Promise<number>((resolve) => worker.once('completed', (_, result) => resolve(result)));
    await eventually(() => new Queue<number>('numbers', { connection: client }).add('n', 5));
    expect(await completed).toBe(5);
  });
});

describe('a job that fails', () => {
  it('is tried again after its backoff, and becomes a dead letter after its last attempt', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const startedAtMs: number[] = [];
    const worker = aWorker(async () => {
      startedAtMs.push(performance.now());
      throw new Error('no luck');
    });
    const failures: string[] = [];
    worker.on('failed', (job, error) => failures.push(`${job.attemptsMade}: ${error.message}`));
    const { id } = await queue.add('n', 1, { attempts: 3, backoff: { type: 'exponential', delay: 20 } });
    await eventually(() => expect(failures).toEqual(['1: no luck', '2: no luck', '3: no luck']));
    const [first = 0, second = 0, third = 0] = startedAtMs;
    expect(second - first).toBeGreaterThanOrEqual(19);
    expect(third - second).toBeGreaterThanOrEqual(39);
    expect(await queue.getJob(id)).toMatchObject({ state: 'failed', failedReason: 'no luck', attemptsMade: 3 });
    expect(cluster.machine.counts('numbers').failed).toBe(1);
  });

  it('can be retried, and then succeeds', async () => {
    const { queue, aWorker } = aSetting();
    let isBroken = true;
    const worker = aWorker(async () => {
      if (isBroken) throw new Error('broken');
      return 'repaired';
    });
    const failed = once(worker, 'failed');
    const { id } = await queue.add('n', 1);
    await failed;
    isBroken = false;
    const completed = once(worker, 'completed');
    await (await queue.getJob(id))?.retry();
    expect((await completed)[1]).toBe('repaired');
  });

  it('becomes a dead letter at once if another attempt is useless', async () => {
    const { queue, aWorker } = aSetting();
    const worker = aWorker(async () => {
      throw new UnrecoverableError('bad address');
    });
    const failed = once(worker, 'failed');
    const { id } = await queue.add('n', 1, { attempts: 10 });
    await failed;
    expect(await queue.getJob(id)).toMatchObject({ state: 'failed', failedReason: 'bad address', attemptsMade: 1 });
  });

  it('may throw synchronously, and values that are no errors', async () => {
    const { queue, aWorker } = aSetting();
    const worker = aWorker(() => {
      throw 'just text';
    });
    const failed = once(worker, 'failed');
    const { id } = await queue.add('n', 1);
    await failed;
    expect(await queue.getJob(id)).toMatchObject({ failedReason: 'just text' });
  });

  it.each(oddlyThrown())('may throw %s', async (_what, thrown, reason) => {
    const { queue, aWorker } = aSetting();
    const worker = aWorker(async () => {
      throw thrown;
    });
    const failed = once(worker, 'failed');
    const { id } = await queue.add('n', 1);
    expect((await failed)[1]).toBeInstanceOf(Error);
    expect((await queue.getJob(id))?.failedReason).toMatch(reason);
    await worker.close();
  });

  it('fails when its result is too large', async () => {
    const { queue, aWorker } = aSetting();
    const worker = aWorker(async () => new Uint8Array(5 * 1024 * 1024));
    const failed = once(worker, 'failed');
    await queue.add('n', 1);
    expect((await failed)[1]).toBeInstanceOf(PayloadTooLargeError);
  });
});

describe('a lease', () => {
  it('is extended as long as the job runs', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gate = aGate();
    const worker = aWorker(() => gate.opened, { lockDuration: 450 });
    const stalled: unknown[] = [];
    worker.on('stalled', (job) => stalled.push(job));
    await queue.add('n', 1, { attempts: 5 });
    await eventually(() => expect(cluster.machine.counts('numbers').active).toBe(1));
    const before = cluster.requests.length;
    // Five extensions at a third of the lease each are longer than one lease.
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(before + 4));
    expect(cluster.machine.counts('numbers').active).toBe(1);
    expect(stalled).toEqual([]);
    gate.open();
    await once(worker, 'completed');
  });

  it('that was lost aborts the signal, and the completion does not count', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gate = aGate();
    const signals: AbortSignal[] = [];
    const tokens: number[] = [];
    const worker = aWorker(
      async (job, token, signal) => {
        expect(token).toBe(String(job.token));
        signals.push(signal);
        tokens.push(job.token ?? 0);
        if (signals.length === 1) await gate.opened;
        return signals.length === 1 ? 'first' : 'second';
      },
      { lockDuration: 300, concurrency: 2 },
    );
    const completions: unknown[] = [];
    worker.on('completed', (_, result) => completions.push(result));
    const stalled = once(worker, 'stalled');
    const { id } = await queue.add('n', 1, { attempts: 2 });
    await eventually(() => expect(signals).toHaveLength(1));
    cluster.advance(301);
    const [job, error] = (await stalled) as [Job, LeaseLostError];
    expect(job.id).toBe(id);
    expect(error).toBeInstanceOf(LeaseLostError);
    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toBe(error);
    await eventually(() => expect(completions).toEqual(['second']));
    gate.open();
    await worker.close();
    expect(completions).toEqual(['second']);
    expect(tokens[1]).toBeGreaterThan(tokens[0] ?? 0);
    expect(await queue.getJob(id)).toMatchObject({ state: 'completed', returnvalue: 'second' });
  });

  it('that was lost just before the end rejects the completion', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gate = aGate();
    let runs = 0;
    const worker = aWorker(
      async () => {
        runs += 1;
        await (runs === 1 ? gate.opened : new Promise(() => undefined));
      },
      { lockDuration: 60_000 },
    );
    const completed: unknown[] = [];
    worker.on('completed', (job) => completed.push(job));
    const stalled = once(worker, 'stalled');
    await queue.add('n', 1);
    await eventually(() => expect(runs).toBe(1));
    cluster.advance(60_001);
    gate.open();
    expect((await stalled)[1]).toBeInstanceOf(LeaseLostError);
    expect(completed).toEqual([]);
    // A begun job whose lease expired stalled once, and is tried again.
    expect(cluster.machine.counts('numbers')).toMatchObject({ completed: 0, failed: 0 });
    expect(cluster.machine.totals.stalled).toBe(1);
  });
});

describe('a listener that throws', () => {
  const failing = (): never => {
    throw new Error('thrown by a listener');
  };

  it.each(['active', 'completed', 'drained'] as const)('of "%s" does not keep a job from ending, and is reported', async (event) => {
    const { cluster, queue, aWorker } = aSetting();
    const worker = aWorker(async (job) => job.data, { concurrency: 4, autorun: false });
    const errors: Error[] = [];
    const completed: number[] = [];
    worker.on(event, failing);
    worker.on('error', (error) => errors.push(error));
    worker.on('completed', (job) => completed.push(job.data));
    await queue.addBulk([1, 2, 3, 4].map((n) => ({ name: 'n', data: n })));
    void worker.run();
    await eventually(() => expect(completed.sort()).toEqual([1, 2, 3, 4]));
    await worker.close();
    expect(errors.length).toBe(event === 'drained' ? 1 : 4);
    expect(errors[0]?.message).toBe('thrown by a listener');
    expect(cluster.machine.counts('numbers')).toMatchObject({ completed: 4, active: 0 });
  });

  it('of "failed" does not keep other listeners from being called, even if it is async', async () => {
    const { queue, aWorker } = aSetting();
    const worker = aWorker(() => Promise.reject(new Error('no luck')));
    worker.on('failed', async () => failing());
    const failed = once(worker, 'failed');
    const reported = new Promise<Error>((resolve) => worker.on('error', resolve));
    await queue.add('n', 1);
    expect(((await failed) as [Job, Error])[1].message).toBe('no luck');
    expect((await reported).message).toBe('thrown by a listener');
    await worker.close();
  });

  it('of "stalled" leaves the job to others', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gate = aGate();
    const worker = aWorker(() => gate.opened, { lockDuration: 300 });
    worker.on('stalled', failing);
    const reported = new Promise<Error>((resolve) => worker.on('error', resolve));
    await queue.add('n', 1, { attempts: 2 });
    await eventually(() => expect(cluster.machine.counts('numbers').active).toBe(1));
    cluster.advance(301);
    expect((await reported).message).toBe('thrown by a listener');
    gate.open();
    await worker.close();
  });

  it('of "error" or "closed" causes a warning, and close() ends', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    toClose.push(() => void process.off('warning', onWarning));
    const worker = aWorker(async () => 1);
    worker.on('active', failing);
    worker.on('error', () => {
      throw Object.create(null);
    });
    await queue.add('n', 1);
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(1));
    worker.removeAllListeners('error');
    worker.on('closed', failing);
    await worker.close();
    await eventually(() => expect(warnings.map(({ name }) => name)).toEqual(['JobraftListenerError', 'JobraftListenerError']));
    expect(warnings[1]?.message).toBe('The listener of "closed" threw: thrown by a listener');
  });
});

describe('closing a worker', () => {
  it('finishes the running jobs and gives back those that were not begun', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gate = aGate();
    let begun = 0;
    let isSlow = false;
    const worker = aWorker(
      async () => {
        begun += 1;
        if (isSlow) await gate.opened;
      },
      { concurrency: 2, prefetchMax: 4 },
    );
    // Short jobs first, so that the worker claims ahead.
    await queue.addBulk(Array.from({ length: 200 }, (_, n) => ({ name: 'n', data: n })));
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(200));
    isSlow = true;
    await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: 'n', data: n })));
    await eventually(() => expect(begun).toBe(202));
    const closed = worker.close();
    await eventually(() => expect(cluster.machine.counts('numbers').waiting).toBe(18));
    gate.open();
    await closed;
    expect(cluster.machine.counts('numbers')).toMatchObject({ completed: 202, active: 0, waiting: 18 });
    expect(begun).toBe(202);
  });

  it('cancels the claim that waits at the cluster', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const worker = aWorker(async () => 1, { claimWaitMs: 60_000 });
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    await worker.close();
    expect(cluster.parkedClaims).toBe(0);
    const { id } = await queue.add('n', 1);
    expect(await queue.getJob(id)).toMatchObject({ state: 'waiting', attemptsMade: 0 });
  });

  it('gives back the jobs that its claims bring meanwhile, at any time', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const begun: number[] = [];
    const ended: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      const worker = aWorker(async (job) => void begun.push(job.data), { claimWaitMs: 60_000, concurrency: 2 });
      worker.on('completed', (job) => ended.push(job.data));
      for (let turn = 0; turn < round % 6; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const adding = queue.add('n', round);
      for (let turn = 0; turn < round % 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      await worker.close();
      await adding;
      expect(cluster.machine.counts('numbers').active).toBe(0);
    }
    expect(ended).toEqual(begun);
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 30 - begun.length, failed: 0, completed: begun.length });
  });

  it('cancels its claim with the last user of a shared client', async () => {
    const cluster = new FakeCluster();
    const worker = new Worker('numbers', async () => 1, { connection: cluster, claimWaitMs: 60_000 });
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    await worker.close();
    expect(cluster.parkedClaims).toBe(0);
    expect(cluster.openChannels).toBe(0);
    cluster.close();
  });

  it('may be done twice, and before it began', async () => {
    const { aWorker } = aSetting();
    const started = aWorker(async () => 1);
    const closings = [started.close(), started.close()];
    await Promise.all(closings);
    await started.close();
    const neverStarted = aWorker(async () => 1, { autorun: false });
    await neverStarted.close();
    await neverStarted.run();
    expect(neverStarted.isRunning()).toBe(false);
  });

  it('run() ends when the worker is closed, and may be called twice', async () => {
    const { cluster, queue, aWorker } = aSetting();
    let calls = 0;
    const worker = aWorker(async () => (calls += 1), { autorun: false });
    const runs = [worker.run(), worker.run()];
    await queue.add('n', 1);
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(1));
    await worker.close();
    await Promise.all(runs);
    expect(calls).toBe(1);
  });

  it('by force aborts the running jobs and gives them back', async () => {
    const { cluster, queue, aWorker } = aSetting();
    let aborted = false;
    const worker = aWorker(
      (_job, _token, signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => {
            aborted = true;
          });
        }),
    );
    const { id } = await queue.add('n', 1);
    await eventually(() => expect(cluster.machine.counts('numbers').active).toBe(1));
    await worker.close(true);
    expect(aborted).toBe(true);
    expect(await queue.getJob(id)).toMatchObject({ state: 'waiting', attemptsMade: 0 });
  });
});

describe('the options of a worker', () => {
  it('name the valid ones when one is misspelt, and must be valid', () => {
    const { aWorker } = aSetting();
    const misspelt: object = { concurency: 5 };
    expect(() => aWorker(async () => 1, misspelt)).toThrow(UnknownOptionError);
    expect(() => aWorker(async () => 1, misspelt)).toThrow(/concurrency/);
    expect(() => aWorker(async () => 1, { concurrency: 0 })).toThrow(InvalidOptionError);
    expect(() => aWorker(async () => 1, { lockDuration: 1 })).toThrow(InvalidOptionError);
  });
});
