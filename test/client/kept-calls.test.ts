import { afterEach, describe, expect, it, vi } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import { Queue } from '../../src/client/api/queue.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import type { RepeatedOperation } from '../../src/client/delivery/pending-operation.ts';
import { ClientClosedError, DeadlineError, LeaseLostError, OverloadedError, SessionExpiredError } from '../../src/client/errors.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import type { ClaimedJob, OperationResult } from '../../src/protocol/reply.ts';
import type { ClaimOptions, RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { eventually } from './eventually.ts';
import { FakeCluster } from './fake-cluster.ts';
import { countTimeInTurns } from './turn-time.ts';

const HOUR_MS = 3_600_000;
const LEASE_MS = 30_000;
const NOTHING = new Uint8Array(0);
const opened: { readonly cluster: FakeCluster; readonly client: Client }[] = [];

function aSetting(options: ClientOptions = {}) {
  const cluster = new FakeCluster();
  const client = new Client(cluster, options);
  opened.push({ cluster, client });
  return { cluster, client, queue: new Queue<number>('numbers', { connection: client }) };
}

countTimeInTurns();

afterEach(async () => {
  for (const { cluster, client } of opened.splice(0)) {
    cluster.silent.clear();
    cluster.repliesToSwallow = 0;
    cluster.start(1);
    cluster.elect(1);
    cluster.resume();
    await client.close();
    cluster.close();
  }
});

const aClaim = (countMax: number): ClaimOptions => ({
  countMax,
  beginMax: countMax,
  leaseMs: LEASE_MS,
  waitMs: 0,
  stalledMax: 1,
  holder: 0,
});

/** Adds jobs and claims them, as a worker does. */
async function claimed(client: Client, queue: Queue<number>, count = 1): Promise<readonly ClaimedJob[]> {
  await queue.addBulk(Array.from({ length: count }, (_, n) => ({ name: 'n', data: n })));
  const result = await new Promise<OperationResult>((resolve, reject) => {
    client.dispatcher.open(64).claim('numbers', aClaim(count));
    client.dispatcher.commit({ onResult: resolve, onError: reject });
  });
  return result.ok && result.type === 'claimed' ? result.jobs : [];
}

interface KeptOptions {
  readonly forMs?: number;
  /** When its lease was extended last, by performance.now(), also after the call was made. */
  readonly extendedAtMs?: () => number;
  readonly outlivesOutage?: boolean;
  readonly endsLease?: boolean;
}

/** Sends a kept call. @returns its result or error. */
function keep(client: Client, write: (encoder: RequestEncoder) => void, options: KeptOptions = {}): Promise<OperationResult | Error> {
  const { forMs = LEASE_MS, outlivesOutage = true, endsLease = true } = options;
  const madeAtMs = performance.now();
  const { extendedAtMs = () => madeAtMs } = options;
  return new Promise((resolve) => {
    const call: RepeatedOperation = {
      write,
      untilMs: () => extendedAtMs() + forMs,
      endsLease,
      outlivesOutage: () => outlivesOutage,
      onResult: resolve,
      onError: resolve,
    };
    client.dispatcher.keep(64, call);
  });
}

const complete = (client: Client, job: ClaimedJob | undefined, options?: KeptOptions): Promise<OperationResult | Error> =>
  keep(client, (encoder) => encoder.complete(job?.id ?? 0, job?.token ?? 0, NOTHING), options);

const outcomeOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((reason: unknown) => reason);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a call that ends a job', () => {
  it('is accepted by a client that is full of adds', async () => {
    const { client, queue } = aSetting({ queuedOperationsMax: 100 });
    const [job] = await claimed(client, queue);
    const adds = Array.from({ length: 101 }, (_, n) => outcomeOf(queue.add('n', n)));
    const completion = complete(client, job);
    expect(await adds.at(-1)).toBeInstanceOf(OverloadedError);
    expect(await completion).toEqual({ ok: true, type: 'done' });
  });

  it('is not counted: as many adds fit beside it as without it', async () => {
    const { client, queue } = aSetting({ queuedOperationsMax: 5, queuedBytesMax: 1_024 });
    const jobs = await claimed(client, queue, 4);
    const completions = jobs.map(({ id, token }) => keep(client, (encoder) => encoder.complete(id, token, new Uint8Array(2_000))));
    await Promise.all(Array.from({ length: 4 }, (_, n) => queue.add('n', n)));
    expect(await Promise.all(completions)).toEqual(jobs.map(() => ({ ok: true, type: 'done' })));
  });

  it('is sent before the waiting adds, in its own order', async () => {
    const { cluster, client, queue } = aSetting({ outstandingBatchesMax: 1, batchOperationsMax: 10 });
    const jobs = await claimed(client, queue, 2);
    cluster.isPaused = true;
    const adds: Promise<unknown>[] = [queue.add('n', 0)];
    await turn();
    adds.push(...Array.from({ length: 50 }, (_, n) => queue.add('n', n)));
    const [first, second] = jobs;
    const ends: string[] = [];
    const extended = keep(
      client,
      (encoder) => encoder.command('extend', { jobId: first?.id ?? 0, token: first?.token ?? 0, leaseMs: LEASE_MS }),
      { endsLease: false },
    );
    const all = [
      extended.then((result) => ends.push(`extend ${result instanceof Error || result.ok}`)),
      complete(client, first).then(() => ends.push('complete')),
      complete(client, second).then(() => ends.push('complete')),
    ];
    const before = cluster.requests.length;
    cluster.resume();
    await Promise.all([...adds, ...all]);
    expect(ends).toEqual(['extend true', 'complete', 'complete']);
    expect(cluster.requests.slice(before).map(({ operations }) => operations)[0]).toBe(3);
  });

  it('is repeated when the adds of its request are given up', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 60, silenceMs: 20 });
    const [job] = await claimed(client, queue);
    cluster.silent.add(1);
    const add = outcomeOf(queue.add('n', 1));
    const completion = complete(client, job);
    expect(await add).toMatchObject({ code: 'DEADLINE', outcome: 'unknown' });
    cluster.silent.delete(1);
    expect(await completion).toEqual({ ok: true, type: 'done' });
  });

  it('continues without the adds of its request that were rejected as not applied', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 60 });
    const [job] = await claimed(client, queue);
    cluster.leader = undefined;
    const add = outcomeOf(queue.add('n', 1));
    const completion = complete(client, job);
    expect(await add).toMatchObject({ code: 'NO_LEADER', outcome: 'not-applied' });
    cluster.elect(1);
    expect(await completion).toEqual({ ok: true, type: 'done' });
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 0, completed: 1 });
  });

  it('survives an outage that is longer than its lease, and is then given up only after one more deadline', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 40 });
    const [job] = await claimed(client, queue);
    cluster.leader = undefined;
    const completion = complete(client, job, { forMs: 20 });
    const given = complete(client, job, { forMs: 20, outlivesOutage: false });
    expect(await given).toMatchObject({ code: 'NO_LEADER', outcome: 'not-applied' });
    cluster.elect(1);
    expect(await completion).toEqual({ ok: true, type: 'done' });
  });

  it('is given up when its time is over and the cluster is available', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 40, silenceMs: 10_000 });
    const [job] = await claimed(client, queue);
    cluster.isPaused = true;
    const completion = await complete(client, job, { forMs: 60 });
    expect(completion).toBeInstanceOf(DeadlineError);
    expect(completion).toMatchObject({ outcome: 'unknown' });
  });

  it('is repeated until the end of its lease, which an extension moves', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 20, silenceMs: 10_000 });
    const [job] = await claimed(client, queue);
    cluster.isPaused = true;
    const startMs = performance.now();
    let extendedAtMs = (): number => performance.now();
    let outcome: OperationResult | Error | undefined;
    const completion = complete(client, job, { forMs: 60, extendedAtMs: () => extendedAtMs() }).then((result) => {
      outcome = result;
    });
    await eventually(() => expect(performance.now()).toBeGreaterThan(startMs + 200));
    extendedAtMs = () => startMs;
    expect(outcome).toBeUndefined();
    await completion;
    expect(outcome).toBeInstanceOf(DeadlineError);
  });

  it('is awaited by close, for one deadline at most', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 50 });
    const [first, second] = await claimed(client, queue, 2);
    const completion = complete(client, first);
    await completion;
    cluster.leader = undefined;
    const never = complete(client, second);
    await client.close();
    expect(await never).toMatchObject({ code: 'NO_LEADER' });
    expect(() => client.dispatcher.keep(64, {} as RepeatedOperation)).toThrow(ClientClosedError);
  });
});

describe('a worker', () => {
  /** A worker whose only job runs until the test ends it. */
  async function aBusyWorker(options: ClientOptions) {
    const { cluster, client, queue } = aSetting(options);
    const { id } = await queue.add('n', 1);
    let begin = (): void => undefined;
    let end = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const ended = new Promise<string>((resolve) => {
      end = () => resolve('done');
    });
    const processor = (): Promise<string> => {
      begin();
      return ended;
    };
    const worker = new Worker<number, string>('numbers', processor, { connection: client, claimWaitMs: 100 });
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    await begun;
    return { cluster, client, queue, id, worker, end, errors };
  }

  it('completes its job although its client is full of adds', async () => {
    const { queue, id, worker, end } = await aBusyWorker({ queuedOperationsMax: 100 });
    const adds = Array.from({ length: 101 }, () => outcomeOf(queue.add('n', 2, { delay: HOUR_MS })));
    end();
    await Promise.all(adds);
    await worker.close();
    expect(await queue.getJob(id)).toMatchObject({ state: 'completed', returnvalue: 'done' });
  });

  it('completes its job after an outage that is longer than the deadline of its client', async () => {
    const { cluster, queue, id, worker, end } = await aBusyWorker({ deadlineMs: 40 });
    cluster.leader = undefined;
    end();
    expect(await outcomeOf(queue.add('n', 2))).toMatchObject({ code: 'NO_LEADER' });
    cluster.elect(1);
    await worker.close();
    expect(await queue.getJob(id)).toMatchObject({ state: 'completed', returnvalue: 'done' });
  });

  it('completes each job with its own result, although they are sent again in another session', async () => {
    const { cluster, client, queue } = aSetting({ silenceMs: 20 });
    const ends: (() => void)[] = [];
    const worker = new Worker<number, string>(
      'numbers',
      async ({ data }) => {
        await new Promise<void>((resolve) => ends.push(resolve));
        return `result ${data}`.repeat(data);
      },
      { connection: client, concurrency: 3, claimWaitMs: 100 },
    );
    const jobs = await Promise.all([3, 2, 1].map((data) => queue.add('n', data)));
    await eventually(() => expect(ends).toHaveLength(3));
    cluster.stalled.add(1);
    const sent = cluster.requests.length;
    for (const end of ends) await turn().then(end);
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(sent + 3));
    cluster.expireSessions();
    cluster.stalled.delete(1);
    await worker.close();
    const found = await Promise.all(jobs.map(({ id }) => queue.getJob(id)));
    expect(found.map((job) => job?.returnvalue)).toEqual(['result 3'.repeat(3), 'result 2'.repeat(2), 'result 1']);
  });
});

describe('a call that ends a job when the session expires', () => {
  it('is sent again in a new one, although an earlier sending never got a reply', async () => {
    const { cluster, client, queue } = aSetting({ silenceMs: 20 });
    const [job] = await claimed(client, queue);
    cluster.stalled.add(1);
    const completion = complete(client, job);
    const add = outcomeOf(queue.add('n', 1));
    const sent = cluster.requests.length;
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(sent + 1));
    cluster.expireSessions();
    cluster.stalled.delete(1);
    expect(await add).toBeInstanceOf(SessionExpiredError);
    expect(await completion).toEqual({ ok: true, type: 'done' });
    expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 0, completed: 1 });
  });

  it('has an unknown outcome if the lease is gone then: the first sending may have ended the job', async () => {
    const { cluster, client, queue } = aSetting({ silenceMs: 20 });
    const [job] = await claimed(client, queue);
    cluster.repliesToSwallow = Number.POSITIVE_INFINITY;
    const completion = complete(client, job);
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(1));
    cluster.expireSessions();
    cluster.repliesToSwallow = 0;
    const outcome = await completion;
    expect(outcome).toBeInstanceOf(LeaseLostError);
    expect(outcome).toMatchObject({ code: 'LEASE_LOST', outcome: 'unknown', jobId: String(job?.id) });
  });

  it('has a certain outcome if it only extends: an earlier extension does not end the lease', async () => {
    const { cluster, client, queue } = aSetting({ silenceMs: 20 });
    const [job] = await claimed(client, queue);
    await complete(client, job);
    cluster.stalled.add(1);
    const extension = keep(
      client,
      (encoder) => encoder.command('extend', { jobId: job?.id ?? 0, token: job?.token ?? 0, leaseMs: LEASE_MS }),
      { endsLease: false },
    );
    const sent = cluster.requests.length;
    await eventually(() => expect(cluster.requests.length).toBeGreaterThan(sent + 1));
    cluster.expireSessions();
    cluster.stalled.delete(1);
    expect(await extension).toMatchObject({ ok: false, code: 'LEASE_LOST' });
  });
});

describe('a session that is replaced', () => {
  it('keeps the calls in their order, also those of one bulk in several requests', async () => {
    const { cluster, queue } = aSetting({ batchOperationsMax: 5 });
    await queue.add('n', 0);
    cluster.advance(HOUR_MS + 1);
    const adds: Promise<{ readonly id: string }>[] = [];
    for (let n = 0; n < 6; n += 1) {
      adds.push(queue.add('n', n));
      await turn();
    }
    const bulk = queue.addBulk(Array.from({ length: 40 }, (_, n) => ({ name: 'n', data: n })));
    const ids = [...(await Promise.all(adds)), ...(await bulk)].map(({ id }) => Number(id));
    expect(ids).toEqual([...ids].sort((one, other) => one - other));
    expect(new Set(cluster.workRequests.map(({ client }) => client)).size).toBe(2);
  });

  it('delays later requests until the last of its requests has a reply', async () => {
    const { cluster, queue } = aSetting({ silenceMs: 40 });
    await queue.add('n', 0);
    cluster.expireSessions();
    // The rejection of the first request is lost, that of the second is not.
    cluster.repliesToSwallow = 1;
    const first = outcomeOf(queue.add('n', 1));
    await turn();
    const second = queue.add('n', 2);
    await turn();
    const third = queue.add('n', 3);
    const { id } = await second;
    expect(Number((await third).id)).toBeGreaterThan(Number(id));
    expect(await first).toBeInstanceOf(SessionExpiredError);
    const clients = cluster.workRequests.map(({ client }) => client);
    const [oldClient] = clients;
    expect(clients.lastIndexOf(oldClient ?? 0)).toBeLessThan(clients.findIndex((sender) => sender !== oldClient));
  });
});

describe('a claim that was given up', () => {
  it('has its jobs released when its reply arrives after all', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 60, silenceMs: 10_000 });
    await queue.add('n', 1);
    cluster.isPaused = true;
    const claim = new Promise<OperationResult | Error>((resolve) => {
      client.dispatcher.open(64).claim('numbers', aClaim(1));
      client.dispatcher.commit({ claimLeaseMs: LEASE_MS, onResult: resolve, onError: resolve });
    });
    expect(await claim).toMatchObject({ code: 'DEADLINE', outcome: 'unknown' });
    cluster.resume();
    await eventually(() => expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 1, active: 0 }));
  });

  it('has its jobs released also if its request was repeated for a completion', async () => {
    const { cluster, client, queue } = aSetting({ deadlineMs: 60, silenceMs: 10_000 });
    const [job] = await claimed(client, queue);
    await queue.add('n', 2);
    cluster.isPaused = true;
    const completion = complete(client, job);
    const claim = new Promise<OperationResult | Error>((resolve) => {
      client.dispatcher.open(64).claim('numbers', aClaim(1));
      client.dispatcher.commit({ claimLeaseMs: LEASE_MS, onResult: resolve, onError: resolve });
    });
    expect(await claim).toMatchObject({ code: 'DEADLINE', outcome: 'unknown' });
    cluster.resume();
    expect(await completion).toEqual({ ok: true, type: 'done' });
    await eventually(() => expect(cluster.machine.counts('numbers')).toMatchObject({ waiting: 1, active: 0, completed: 1 }));
  });
});

describe('a call whose owner throws', () => {
  it('does not keep the other calls of its request from their replies', async () => {
    const { client, queue } = aSetting();
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      client.dispatcher.open(64).command('counts', { queue: 'numbers' });
      client.dispatcher.commit({
        onResult: () => {
          throw new Error('a listener that throws');
        },
        onError: () => undefined,
      });
      expect((await queue.add('n', 1)).id).toBe('1');
      expect(warned).toHaveBeenCalledOnce();
    } finally {
      warned.mockRestore();
    }
  });
});
