import { afterEach, describe, expect, it } from 'vitest';
import { Bulk } from '../../src/client/api/bulk.ts';
import { Client } from '../../src/client/api/client.ts';
import { addOptionsOf, type JobOptions } from '../../src/client/api/job-options.ts';
import { Queue, type QueueOptions } from '../../src/client/api/queue.ts';
import { type ClientOptions, clientConfig } from '../../src/client/client-options.ts';
import {
  BulkTooLargeError,
  ClientClosedError,
  InvalidOptionError,
  InvalidPayloadError,
  JobNotFoundError,
  JobStateError,
  OverloadedError,
  RequestRejectedError,
  UnknownOptionError,
} from '../../src/client/errors.ts';
import { PayloadTooLargeError } from '../../src/client/size-errors.ts';
import { noCommands } from './a-job.ts';
import { FakeCluster } from './fake-cluster.ts';

const opened: { readonly cluster: FakeCluster; readonly client: Client }[] = [];

function aQueue<Data = unknown>(clientOptions: ClientOptions = {}, defaultJobOptions: JobOptions = {}) {
  const cluster = new FakeCluster();
  const client = new Client(cluster, clientOptions);
  opened.push({ cluster, client });
  return { cluster, client, queue: new Queue<Data>('emails', { connection: client, defaultJobOptions }) };
}

afterEach(async () => {
  for (const { cluster, client } of opened.splice(0)) {
    await client.close();
    cluster.close();
  }
});

describe('adding a job', () => {
  it('gives the job with its id, name and data', async () => {
    const { queue } = aQueue<{ to: string }>();
    const beforeMs = Date.now();
    const job = await queue.add('welcome', { to: 'ada' });
    expect(job).toMatchObject({ name: 'welcome', data: { to: 'ada' }, queueName: 'emails', attemptsMade: 0, opts: { attempts: 1 } });
    expect(job.id).toMatch(/^[1-9]\d*$/);
    expect(job.timestamp).toBeGreaterThanOrEqual(beforeMs);
    expect(job.timestamp).toBeLessThanOrEqual(Date.now());
  });

  it('keeps any JSON value, and bytes as bytes', async () => {
    const { queue } = aQueue();
    for (const data of [{ deep: [1, null, 'ü'] }, 'text', 0, false, null, undefined, new Uint8Array([0, 255, 7])]) {
      const { id } = await queue.add('any', data);
      expect((await queue.getJob(id))?.data).toEqual(data);
    }
  });

  it('carries its options to the cluster', async () => {
    const { cluster, queue } = aQueue();
    const { id } = await queue.add('later', {}, { delay: 60_000, priority: 3, attempts: 4, backoff: { type: 'exponential', delay: 100 } });
    expect(await queue.getJob(id)).toMatchObject({ state: 'delayed', opts: { attempts: 4 } });
    cluster.advance(60_001);
    expect(await queue.getJob(id)).toMatchObject({ state: 'waiting' });
  });

  it('takes its missing options from the defaults of the queue', async () => {
    const { queue } = aQueue({}, { attempts: 7, delay: 1_000 });
    const { id } = await queue.add('x', {}, { delay: 0 });
    expect(await queue.getJob(id)).toMatchObject({ state: 'waiting', opts: { attempts: 7 } });
  });

  it.each([
    ['delya', { delya: 5 }, UnknownOptionError, /"delya".*delay, priority, lifo, attempts, backoff, removeOnComplete, removeOnFail/],
    ['delay', { delay: -1 }, InvalidOptionError, /"delay" has the value -1/],
    ['priority', { priority: 2 ** 21 + 1 }, InvalidOptionError, /"priority"/],
    ['attempts', { attempts: 0 }, InvalidOptionError, /"attempts"/],
    ['backoff', { backoff: 'fast' }, InvalidOptionError, /"backoff"/],
    ['backoff type', { backoff: { type: 'linear', delay: 1 } }, InvalidOptionError, /'fixed' or 'exponential'/],
    ['backoff option', { backoff: { type: 'fixed', delay: 1, jitter: 1 } }, UnknownOptionError, /"jitter"/],
    ['removeOnFail', { removeOnFail: -5 }, InvalidOptionError, /"removeOnFail"/],
  ])('rejects an invalid option before it sends anything: %s', async (_, options: object, kind, message) => {
    const { cluster, queue } = aQueue();
    const error = await queue.add('x', {}, options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ message: expect.stringMatching(message), outcome: 'not-applied' });
    expect(cluster.requests).toHaveLength(0);
  });

  it('rejects a payload beyond the limit and names the remedy', async () => {
    const { cluster, queue } = aQueue({ payloadBytesMax: 1_000 });
    const error = await queue.add('large', new Uint8Array(1_000)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(PayloadTooLargeError);
    expect(error).toMatchObject({
      payloadBytes: 1_010,
      payloadBytesMax: 1_000,
      message: expect.stringContaining('raise "payloadBytesMax"'),
    });
    expect(cluster.requests).toHaveLength(0);
    await queue.add('fits', new Uint8Array(900));
  });

  it('rejects data that is no JSON', async () => {
    const { queue } = aQueue();
    await expect(queue.add('x', { huge: 1n })).rejects.toBeInstanceOf(InvalidPayloadError);
  });

  it('sends one operation larger than a whole request otherwise may be', async () => {
    const { queue } = aQueue({ batchBytesMax: 1_024 });
    const bytes = new Uint8Array(100_000).fill(9);
    const { id } = await queue.add('large', bytes);
    expect((await queue.getJob(id))?.data).toEqual(bytes);
  });
});

describe('adding in bulk', () => {
  it('gives every job its own data and options', async () => {
    const { queue } = aQueue<number>();
    const jobs = await queue.addBulk(Array.from({ length: 50 }, (_, n) => ({ name: `job ${n}`, data: n, opts: { attempts: n + 1 } })));
    for (const [n, job] of jobs.entries())
      expect(await queue.getJob(job.id)).toMatchObject({ name: `job ${n}`, data: n, opts: { attempts: n + 1 } });
  });

  it('splits jobs that do not fit into one request', async () => {
    const { cluster, queue } = aQueue<number>({ batchOperationsMax: 1_000 });
    await queue.addBulk(Array.from({ length: 20_000 }, (_, n) => ({ name: 'n', data: n })));
    expect(cluster.machine.counts('emails').waiting).toBe(20_000);
    expect(Math.max(...cluster.requests.map(({ operations }) => operations))).toBe(1_000);
  });

  it('never overloads its own client', async () => {
    const { cluster, queue } = aQueue<number>({ queuedOperationsMax: 8_192 });
    await queue.addBulk(Array.from({ length: 20_000 }, (_, n) => ({ name: 'n', data: n })));
    expect(cluster.machine.counts('emails').waiting).toBe(20_000);
  });

  it('never holds more bytes than its client may', async () => {
    const { cluster, queue } = aQueue<Uint8Array>({ queuedBytesMax: 100_000 });
    await queue.addBulk(Array.from({ length: 50 }, (_, n) => ({ name: 'n', data: new Uint8Array(10_000).fill(n) })));
    expect(cluster.machine.counts('emails').waiting).toBe(50);
    expect((await queue.getJob('50'))?.data).toEqual(new Uint8Array(10_000).fill(49));
  });

  it('adds jobs that are larger than all its client may hold, one after the other', async () => {
    const { cluster, queue } = aQueue<Uint8Array>({ queuedBytesMax: 1_024 });
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'n', data: new Uint8Array(10_000) })));
    expect(cluster.machine.counts('emails').waiting).toBe(5);
  });

  it('rejects a bulk above its size limit with the remedy', () => {
    const sent = (): never => expect.unreachable('nothing may be sent');
    const bulk = new Bulk('emails', noCommands, { config: clientConfig({}), open: sent, commit: sent }, 10, 1_000);
    for (let n = 0; n < 3; n += 1) bulk.push('n', new Uint8Array(300), addOptionsOf(undefined));
    expect(() => bulk.push('n', new Uint8Array(300), addOptionsOf(undefined))).toThrow(BulkTooLargeError);
    expect(() => bulk.push('n', new Uint8Array(300), addOptionsOf(undefined))).toThrow(/3 jobs .* 1000 bytes .* several calls of addBulk/);
  });

  it('finds the reply of every job when a request is answered after later ones', async () => {
    const { cluster, client, queue } = aQueue<number>({ batchOperationsMax: 100, silenceMs: 20 });
    await client.connect();
    cluster.repliesToSwallow = 2;
    const before = cluster.requests.length;
    const jobs = await queue.addBulk(Array.from({ length: 550 }, (_, n) => ({ name: `job ${n}`, data: n })));
    expect(cluster.requests.length - before).toBeGreaterThan(6);
    expect(cluster.machine.counts('emails').waiting).toBe(550);
    for (const [n, job] of jobs.entries()) {
      expect(job).toMatchObject({ name: `job ${n}`, data: n });
      expect(await queue.getJob(job.id)).toMatchObject({ name: `job ${n}`, data: n });
    }
  });

  it('shares its requests with everything else that is added in the same turn', async () => {
    const { cluster, client, queue } = aQueue<string>({ batchOperationsMax: 4 });
    await client.connect();
    const before = cluster.requests.length;
    const bulk = (letter: string) => queue.addBulk(['1', '2', '3'].map((digit) => ({ name: 'n', data: letter + digit })));
    const [first, a, middle, b, last] = await Promise.all([
      queue.add('n', 'x'),
      bulk('a'),
      queue.add('n', 'y'),
      bulk('b'),
      queue.add('n', 'z'),
    ]);
    expect(cluster.requests.slice(before).map(({ operations }) => operations)).toEqual([4, 4, 1]);
    for (const job of [first, ...a, middle, ...b, last]) expect((await queue.getJob(job.id))?.data).toBe(job.data);
    expect([first, ...a, middle, ...b, last].map(({ data }) => data)).toEqual(['x', 'a1', 'a2', 'a3', 'y', 'b1', 'b2', 'b3', 'z']);
  });

  it('does not read its list again after the call', async () => {
    const { queue } = aQueue<number>();
    const one = { name: 'first', data: 1 };
    const jobs = [one];
    const adding = queue.addBulk(jobs);
    one.name = 'other';
    one.data = 2;
    jobs.length = 0;
    expect(await adding).toMatchObject([{ name: 'first', data: 1 }]);
  });

  it('rejects after all replies, including those of the jobs that a full client still accepted', async () => {
    const { cluster, queue } = aQueue<number>({ queuedOperationsMax: 10, batchOperationsMax: 4 });
    const adding = queue.addBulk(Array.from({ length: 15 }, (_, n) => ({ name: 'n', data: n })));
    await expect(adding).rejects.toBeInstanceOf(OverloadedError);
    expect(cluster.machine.counts('emails').waiting).toBe(10);
  });

  it('rejects with the error of the cluster', async () => {
    const { cluster, client, queue } = aQueue<number>({ batchOperationsMax: 4 });
    await client.connect();
    cluster.rejectWith = { code: 'INVALID_REQUEST', outcome: 'not-applied' };
    const adding = queue.addBulk(Array.from({ length: 15 }, (_, n) => ({ name: 'n', data: n })));
    await expect(adding).rejects.toBeInstanceOf(RequestRejectedError);
  });

  it('adds nothing if one of the jobs is invalid', async () => {
    const { cluster, queue } = aQueue();
    await expect(
      queue.addBulk([
        { name: 'good', data: 1 },
        { name: 'bad', data: 1n },
      ]),
    ).rejects.toBeInstanceOf(InvalidPayloadError);
    expect(cluster.requests).toHaveLength(0);
  });

  it('of no jobs returns no jobs', async () => {
    const { queue } = aQueue();
    expect(await queue.addBulk([])).toEqual([]);
  });
});

describe('reading a queue', () => {
  it('counts its jobs by state', async () => {
    const { queue } = aQueue<number>();
    await queue.addBulk([
      { name: 'a', data: 1 },
      { name: 'b', data: 2 },
      { name: 'c', data: 3, opts: { delay: 60_000 } },
    ]);
    expect(await queue.getJobCounts()).toEqual({ waiting: 2, delayed: 1, active: 0, completed: 0, failed: 0, 'waiting-children': 0 });
  });

  it('finds no job of another queue, and none that does not exist', async () => {
    const { client, queue } = aQueue();
    const other = new Queue('other', { connection: client });
    const { id } = await other.add('x', 1);
    expect(await queue.getJob(id)).toBeUndefined();
    expect(await queue.getJob('999999999')).toBeUndefined();
  });

  it('removes a job', async () => {
    const { queue } = aQueue();
    const { id } = await queue.add('x', 1);
    expect(await queue.remove(id)).toBe(1);
    expect(await queue.getJob(id)).toBeUndefined();
    await expect(queue.remove(id)).rejects.toBeInstanceOf(JobNotFoundError);
  });

  it('retries only dead letters', async () => {
    const { queue } = aQueue();
    const job = await queue.add('x', 1);
    await expect(job.retry()).rejects.toBeInstanceOf(JobStateError);
  });
});

describe('a queue', () => {
  it('shares one client with others of the same cluster, which closes with the last', async () => {
    const cluster = new FakeCluster();
    const first = new Queue('first', { connection: cluster });
    const second = new Queue('second', { connection: cluster });
    await Promise.all([first.add('x', 1), second.add('x', 1)]);
    expect(cluster.openChannels).toBe(1);
    await first.close();
    await first.close();
    await expect(first.add('x', 1)).rejects.toBeInstanceOf(ClientClosedError);
    await second.add('x', 1);
    await second.close();
    expect(cluster.openChannels).toBe(0);
    cluster.close();
  });

  it('needs a name, a connection and known options', () => {
    const cluster = new FakeCluster();
    const misspelt: object = { connection: cluster, defaultOptions: {} };
    const missing: object = {};
    expect(() => new Queue('', { connection: cluster })).toThrow(InvalidOptionError);
    expect(() => new Queue('x'.repeat(257), { connection: cluster })).toThrow(InvalidOptionError);
    expect(() => new Queue('q', misspelt as QueueOptions)).toThrow(UnknownOptionError);
    expect(() => new Queue('q', missing as QueueOptions)).toThrow(/startCluster/);
  });
});
