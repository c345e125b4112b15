import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/base/bytes.ts';
import { Client } from '../../src/client/api/client.ts';
import type { Job } from '../../src/client/api/job.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { InvalidOptionError, JobStalledError } from '../../src/client/errors.ts';
import { Quarantine } from '../../src/client/worker/quarantine.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { COMMANDS } from '../../src/protocol/commands.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import type { JobDetail, OperationResult } from '../../src/protocol/reply.ts';
import { readRequestHeader } from '../../src/protocol/request-encoder.ts';
import { OperationReader } from '../../src/protocol/request-reader.ts';
import { eventually } from './eventually.ts';
import type { SeenRequest } from './fake-cluster.ts';
import { aGate, aSetting, closeAfterEach, toClose } from './worker-setting.ts';

closeAfterEach();

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Blocks the event loop. */
function block(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ name: 'n', data: n }));

interface SeenOperation {
  readonly code: number;
  readonly jobId: number;
  readonly countMax: number;
  readonly beginMax: number;
  readonly stalledMax: number;
  readonly holder: number;
}

function operationsOf({ bytes }: SeenRequest): SeenOperation[] {
  const reader = new ByteReader(bytes);
  const { operations } = readRequestHeader(reader);
  const operation = new OperationReader();
  operation.begin();
  return Array.from({ length: operations }, () => {
    operation.next(reader, MACHINE_VERSION);
    const { code, jobId, countMax, beginMax, stalledMax, holder } = operation;
    return { code, jobId, countMax, beginMax, stalledMax, holder };
  });
}

const claimsOf = (requests: readonly SeenRequest[]): SeenOperation[] =>
  requests.flatMap(operationsOf).filter(({ code }) => code === COMMANDS.claim.code);

const beginsOf = (requests: readonly SeenRequest[]): number[] =>
  requests.flatMap(operationsOf).flatMap(({ code, jobId }) => (code === COMMANDS.begin.code ? [jobId] : []));

function detailOf(client: Client, id: number): Promise<JobDetail> {
  return new Promise((resolve, reject) => {
    const onResult = (result: OperationResult): void => {
      if (result.ok && result.type === 'job') resolve(result.job);
      else reject(new Error(`no job ${id}`));
    };
    client.dispatcher.query('linearizable', (encoder) => encoder.command('getJob', { jobId: id }), { onResult, onError: reject });
  });
}

/** Makes a worker measure that its jobs are shorter than its claims, so that it claims ahead. */
async function warmUp({ cluster, queue }: ReturnType<typeof aSetting>): Promise<void> {
  const before = cluster.machine.counts('numbers').completed;
  await queue.addBulk(numbers(300));
  await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(before + 300));
}

/** Jobs that were begun once, and whose lease then expired. */
async function stalledJobs({ cluster, queue, aWorker }: ReturnType<typeof aSetting>, count: number): Promise<number[]> {
  const crashed = aWorker(() => new Promise(() => undefined), { concurrency: count, lockDuration: 60_000 });
  const jobs = await queue.addBulk(numbers(count));
  await eventually(() => expect(cluster.machine.counts('numbers').active).toBe(count));
  await eventually(() => expect(cluster.parkedClaims).toBe(0));
  // It extends no lease in time, and claims no more.
  const closing = crashed.close();
  cluster.advance(60_001);
  await crashed.close(true);
  await closing;
  expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: count, active: 0, failed: 0 });
  return jobs.map(({ id }) => Number(id));
}

describe('a claim', () => {
  it('begins as many jobs as there are free slots, with their holder and the number of stalls allowed', async () => {
    const setting = aSetting({ holder: 4_711 });
    const gates: (() => void)[] = [];
    let isSlow = false;
    setting.aWorker(
      (job) => {
        if (!isSlow) return job.data;
        const gate = aGate();
        gates.push(gate.open);
        return gate.opened;
      },
      { concurrency: 2, maxStalledCount: 3 },
    );
    await warmUp(setting);
    isSlow = true;
    const { cluster, client, queue } = setting;
    const jobs = await queue.addBulk(numbers(20));
    await eventually(() => expect(gates).toHaveLength(2));
    const claims = claimsOf(cluster.requests);
    expect(claims.every(({ beginMax }) => beginMax <= 2)).toBe(true);
    expect(claims.some(({ countMax }) => countMax > 2)).toBe(true);
    expect(claims.every(({ stalledMax, holder }) => stalledMax === 3 && holder === 4_711)).toBe(true);
    const details = await Promise.all(jobs.map(({ id }) => detailOf(client, Number(id))));
    expect(details.filter(({ isBegun }) => isBegun)).toHaveLength(2);
    isSlow = false;
    for (const open of gates) open();
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(320));
  });

  it('needs a whole number of allowed stalls', () => {
    const { aWorker } = aSetting();
    expect(() => aWorker(async () => 1, { maxStalledCount: -1 })).toThrow(InvalidOptionError);
    expect(() => aWorker(async () => 1, { maxStalledCount: 0.5 })).toThrow(InvalidOptionError);
  });
});

describe('a job that was claimed ahead', () => {
  it('needs no begin when it ends in the turn in which it began', async () => {
    const setting = aSetting();
    setting.aWorker((job) => job.data, { concurrency: 3 });
    await warmUp(setting);
    await warmUp(setting);
    expect(claimsOf(setting.cluster.requests).some(({ countMax, beginMax }) => countMax > beginMax)).toBe(true);
    expect(beginsOf(setting.cluster.requests)).toEqual([]);
  });

  it('is given back while the running jobs hang, and no other is claimed ahead meanwhile', async () => {
    const setting = aSetting();
    const { cluster, queue, aWorker } = setting;
    const gate = aGate();
    let isSlow = false;
    aWorker(() => (isSlow ? gate.opened : undefined), { concurrency: 2 });
    await warmUp(setting);
    isSlow = true;
    await queue.addBulk(numbers(30));
    await eventually(() => expect(cluster.machine.totals.released).toBeGreaterThan(0));
    await eventually(() => expect(cluster.machine.counts('numbers')).toMatchObject({ active: 2, waiting: 28 }));
    const claims = claimsOf(cluster.requests).length;
    await queue.addBulk(numbers(10));
    expect(cluster.machine.counts('numbers')).toMatchObject({ active: 2, waiting: 38 });
    expect(claimsOf(cluster.requests)).toHaveLength(claims);
    isSlow = false;
    gate.open();
    await eventually(() => expect(cluster.machine.counts('numbers')).toMatchObject({ completed: 340, failed: 0 }));
  });
});

describe('a lease that the worker knows to be over', () => {
  const leaseMs = 60;

  it('begins no job that was claimed ahead', async () => {
    const setting = aSetting();
    const { cluster, queue, aWorker } = setting;
    // Only the worker knows it: at the cluster no lease ends, even if the machine is paused.
    cluster.stopClock();
    const attempts: number[] = [];
    const late: number[] = [];
    let blockedUntilMs = 0;
    let hasBlocked = false;
    aWorker(
      (job) => {
        attempts.push(job.attemptsMade);
        if (performance.now() - blockedUntilMs < 1) late.push(Number(job.id));
        if (job.data !== 150 || hasBlocked) return;
        hasBlocked = true;
        block(2 * leaseMs);
        blockedUntilMs = performance.now();
      },
      { lockDuration: leaseMs, prefetchMax: 100 },
    );
    await warmUp(setting);
    await eventually(() => expect(cluster.machine.counts('numbers')).toMatchObject({ completed: 300, active: 0 }));
    expect(hasBlocked).toBe(true);
    expect(late).toEqual([]);
    expect(attempts.every((made) => made === 0)).toBe(true);
    expect(await queue.getJobCounts()).toMatchObject({ failed: 0 });
  });

  it('begins no job whose claim was answered while the event loop was blocked', async () => {
    const { cluster, queue, aWorker } = aSetting();
    cluster.stopClock();
    let grantedAtMs = 0;
    const agesMs: number[] = [];
    aWorker(() => void agesMs.push(performance.now() - grantedAtMs), { lockDuration: leaseMs });
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    cluster.afterTurn = () => {
      if (cluster.machine.counts('numbers').active === 0) return;
      cluster.afterTurn = () => undefined;
      grantedAtMs = performance.now();
      block(2 * leaseMs);
      grantedAtMs = performance.now() - 2 * leaseMs;
    };
    await queue.add('n', 1);
    await eventually(() => expect(cluster.machine.counts('numbers')).toMatchObject({ completed: 1 }));
    // It was run under the lease of another claim.
    expect(agesMs).toHaveLength(1);
    expect(cluster.machine.totals.claimed).toBeGreaterThan(1);
  });
});

describe('jobs that compute for longer than a lease, all together', () => {
  it.each([0, 1])('keep their leases, and each is run once, with %i stalls allowed', async (maxStalledCount) => {
    const setting = aSetting();
    const { cluster, queue, aWorker } = setting;
    const jobMs = 25;
    const runs: number[] = [];
    // Only the jobs move the cluster's clock: a pause of this process ends no lease.
    cluster.stopClock();
    aWorker(
      (job) => {
        runs.push(Number(job.id));
        block(jobMs);
        cluster.advance(jobMs);
      },
      { concurrency: 40, lockDuration: 16 * jobMs, maxStalledCount },
    );
    const jobs = await queue.addBulk(numbers(40));
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(40));
    expect(runs.toSorted((one, other) => one - other)).toEqual(jobs.map(({ id }) => Number(id)));
    expect(cluster.machine.totals.stalled).toBe(0);
  });
});

describe('a job that stalled', () => {
  it('is run once the cluster knows that it has begun, and the processor sees how often it stalled', async () => {
    const setting = aSetting();
    const [id = 0] = await stalledJobs(setting, 1);
    const { cluster, client, aWorker } = setting;
    const seen: [stalls: number, attemptsMade: number][] = [];
    const gate = aGate();
    cluster.afterTurn = () => {
      if (cluster.machine.counts('numbers').active > 0) cluster.isPaused = true;
    };
    aWorker(async (job) => {
      seen.push([job.stalledCounter, job.attemptsMade]);
      await gate.opened;
    });
    await eventually(() => expect(beginsOf(cluster.requests)).toEqual([id]));
    await turn();
    expect(seen).toEqual([]);
    cluster.afterTurn = () => undefined;
    cluster.resume();
    await eventually(() => expect(seen).toEqual([[1, 0]]));
    expect(await detailOf(client, id)).toMatchObject({ isBegun: true, stalls: 1, attempt: 1 });
    gate.open();
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(1));
    expect(await setting.queue.getJob(String(id))).toMatchObject({ attemptsMade: 1, stalledCounter: 0 });
  });

  it('is run alone, regardless of the other workers of its process', async () => {
    const setting = aSetting();
    const stalled = await stalledJobs(setting, 3);
    const { cluster, client, aWorker } = setting;
    const others = new Queue<number, unknown>('others', { connection: client });
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const process = async (job: Job<number, unknown>): Promise<void> => {
      order.push(Number(job.id));
      running += 1;
      most = Math.max(most, running);
      await turn();
      running -= 1;
    };
    aWorker(process, { concurrency: 2 });
    aWorker(process, { concurrency: 2 });
    await eventually(() => expect(order.length).toBeGreaterThan(0));
    const other = new Worker<number, unknown>('others', process, { connection: client, concurrency: 2 });
    toClose.unshift(() => other.close(true));
    await others.addBulk(numbers(2));
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(3));
    await eventually(() => expect(cluster.machine.counts('others').completed).toBe(2));
    expect(order.slice(0, 3).toSorted()).toEqual(stalled);
    expect(most).toBeLessThanOrEqual(2);
    expect(cluster.machine.totals.stalled).toBe(3);
  });

  it('is run alone, also with jobs of another cluster in its process', async () => {
    const quarantine = new Quarantine();
    const settings = [aSetting({ quarantine }), aSetting({ quarantine })];
    for (const setting of settings) await stalledJobs(setting, 2);
    let running = 0;
    let most = 0;
    for (const { aWorker } of settings) {
      aWorker(
        async () => {
          running += 1;
          most = Math.max(most, running);
          await turn();
          running -= 1;
        },
        { concurrency: 3 },
      );
    }
    for (const { cluster } of settings) await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(2));
    expect(most).toBe(1);
  });

  it('delays the begin and the claim of other jobs by at most a second', async () => {
    const setting = aSetting();
    const [stalled = 0] = await stalledJobs(setting, 1);
    const { cluster, queue, aWorker } = setting;
    // The machine may be paused: no lease ends because of it.
    cluster.stopClock();
    const gate = aGate();
    const begun: number[] = [];
    aWorker(
      async (job) => {
        begun.push(Number(job.id));
        if (Number(job.id) === stalled) await gate.opened;
      },
      { concurrency: 5, lockDuration: 300 },
    );
    await eventually(() => expect(begun).toEqual([stalled]));
    const added = await queue.addBulk(numbers(4));
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(4));
    expect(begun.slice(1).toSorted()).toEqual(added.map(({ id }) => Number(id)));
    gate.open();
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(5));
  });

  it('does not delay other stalled jobs for longer than a lease', async () => {
    const setting = aSetting();
    await stalledJobs(setting, 3);
    setting.cluster.stopClock();
    const begun: number[] = [];
    setting.aWorker(
      (job) => {
        begun.push(Number(job.id));
        return new Promise(() => undefined);
      },
      { concurrency: 3, lockDuration: 100 },
    );
    await eventually(() => expect(begun).toHaveLength(3));
  });

  it('fails once it has stalled more often than its worker allows, which the worker reports', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gates: (() => void)[] = [];
    const process = (): Promise<void> => {
      const gate = aGate();
      gates.push(gate.open);
      return gate.opened;
    };
    const worker = aWorker(process, { lockDuration: 60_000 });
    const events: [event: string, id: string, error: unknown][] = [];
    worker.on('stalled', ({ id }, error) => events.push(['stalled', id, error]));
    worker.on('failed', (job, error) => events.push(['failed', job.id, error]));
    const { id } = await queue.add('n', 1, { attempts: 5 });
    for (const stall of [1, 2]) {
      await eventually(() => expect(gates).toHaveLength(stall));
      cluster.advance(60_001);
      gates.at(-1)?.();
      await eventually(() => expect(events.filter(([event]) => event === 'stalled')).toHaveLength(stall));
    }
    await eventually(() => expect(events.at(-1)?.[0]).toBe('failed'));
    expect(events.map(([event, job]) => [event, job])).toEqual([
      ['stalled', id],
      ['stalled', id],
      ['failed', id],
    ]);
    const [error] = events.map(([, , each]) => each).slice(-1);
    expect(error).toBeInstanceOf(JobStalledError);
    expect(error).toMatchObject({ code: 'JOB_STALLED', message: expect.stringMatching(/^job stalled more than allowable limit/) });
    expect(await queue.getJob(id)).toMatchObject({ state: 'failed', failedReason: expect.stringMatching(/stalled more than/) });
  });

  it('is not failed by a crash before its processor was called, also when no stall is allowed', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const begun: number[] = [];
    // The cluster executes each claim, and no reply arrives any more.
    cluster.afterTurn = () => {
      if (cluster.machine.counts('numbers').active > 0) cluster.isPaused = true;
    };
    const crashed = aWorker((job) => void begun.push(Number(job.id)), { concurrency: 10, lockDuration: 60_000, maxStalledCount: 0 });
    crashed.on('error', () => undefined);
    await queue.addBulk(numbers(10));
    await eventually(() => expect(cluster.machine.counts('numbers').active).toBe(10));
    cluster.advance(60_001);
    expect(begun).toEqual([]);
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 10, failed: 0 });
    expect(cluster.machine.totals.stalled).toBe(0);
    cluster.afterTurn = () => undefined;
    cluster.resume();
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(10));
  });

  it('is given back by a worker that closes before its begin is answered', async () => {
    const setting = aSetting();
    await stalledJobs(setting, 2);
    const { cluster, aWorker } = setting;
    const begun: number[] = [];
    cluster.afterTurn = () => {
      if (cluster.machine.counts('numbers').active > 0) cluster.isPaused = true;
    };
    const worker = aWorker((job) => void begun.push(Number(job.id)), { concurrency: 2 });
    await eventually(() => expect(beginsOf(cluster.requests)).toHaveLength(1));
    const closed = worker.close();
    cluster.afterTurn = () => undefined;
    cluster.resume();
    await closed;
    expect(begun).toEqual([]);
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 2, active: 0 });
  });
});

describe('a client that closes under its workers', () => {
  it('gives back the jobs that a waiting claim brings meanwhile', async () => {
    const { cluster, client, queue, aWorker } = aSetting();
    const other = new Client(cluster);
    toClose.push(() => other.close());
    await queue.getJobCounts();
    const worker = aWorker(async () => 1);
    worker.on('error', () => undefined);
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    // The job takes the claim in the turn in which the client closes.
    const adding = new Queue<number>('numbers', { connection: other }).add('n', 1);
    cluster.afterTurn = () => {
      if (cluster.machine.counts('numbers').active === 0) return;
      cluster.afterTurn = () => undefined;
      void client.close();
    };
    await adding;
    await eventually(() => expect(cluster.openChannels).toBe(1));
    await client.close();
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 1, active: 0 });
    expect(cluster.machine.totals.claimed).toBe(1);
  });

  it('gives back the jobs of a claim in flight', async () => {
    const { cluster, client, queue, aWorker } = aSetting();
    await queue.addBulk(numbers(5));
    const begun: number[] = [];
    cluster.isPaused = true;
    const worker = aWorker((job) => void begun.push(Number(job.id)), { concurrency: 5 });
    const failed = once(worker, 'error').catch((error: unknown) => [error]);
    await eventually(() => expect(claimsOf(cluster.requests)).toHaveLength(1));
    const closing = client.close();
    cluster.resume();
    await closing;
    await failed;
    expect(begun).toEqual([]);
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 5, active: 0 });
  });
});
