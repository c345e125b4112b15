import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { JobraftError } from '../../src/base/errors.ts';
import { Client } from '../../src/client/api/client.ts';
import { isValidAtSight, JOB_OPTIONS, type JobOptions } from '../../src/client/api/job-options.ts';
import { Queue, type QueueOptions } from '../../src/client/api/queue.ts';
import type { ClusterEndpoint } from '../../src/client/endpoint.ts';
import { InvalidOptionError, InvalidPayloadError, UnknownOptionError } from '../../src/client/errors.ts';
import { type Processor, Worker, type WorkerOptions } from '../../src/client/worker/worker.ts';
import { clusterSettings } from '../../src/cluster/cluster-options.ts';
import { DURATION_MS_MAX, PRIORITY_MAX } from '../../src/protocol/limits.ts';
import { FakeCluster } from './fake-cluster.ts';

const opened: { readonly cluster: FakeCluster; readonly client: Client }[] = [];

function aQueue() {
  const cluster = new FakeCluster();
  const client = new Client(cluster);
  opened.push({ cluster, client });
  return { cluster, client, queue: new Queue<unknown>('emails', { connection: client }) };
}

afterEach(async () => {
  for (const { cluster, client } of opened.splice(0)) {
    await client.close();
    cluster.close();
  }
});

/** Passes a value that JavaScript allows, and TypeScript does not. */
const asAny = <T>(value: unknown): T => value as T;
const loneSurrogate = 'x\ud800';
const throwing = {
  toString: () => {
    throw new Error('not readable');
  },
};

describe('a constructor with a missing or invalid argument throws an error with the remedy', () => {
  const cluster = new FakeCluster();
  const connection: ClusterEndpoint = cluster;
  const work: Processor<unknown, unknown> = () => 1;

  it.each<[string, () => unknown, RegExp]>([
    [
      'a queue without options',
      () => new Queue('q', asAny<QueueOptions>(undefined)),
      /"options" has the value undefined\. Give what openCluster/,
    ],
    ['a queue with null', () => new Queue('q', asAny<QueueOptions>(null)), /"options" has the value null\. Give what openCluster/],
    ['a queue on nothing', () => new Queue('q', asAny<QueueOptions>({})), /"connection" has the value undefined\. Give what openCluster/],
    [
      'a queue on a promise',
      () => new Queue('q', asAny<QueueOptions>({ connection: Promise.resolve(cluster) })),
      /"connection" has the value an object of the class Promise\. It is a promise: put "await" before the call that returned it\. Give what/,
    ],
    [
      'a queue with defaults of no object',
      () => new Queue('q', asAny<QueueOptions>({ connection, defaultJobOptions: 3 })),
      /"defaultJobOptions" has the value 3\. Give an object of job options/,
    ],
    [
      'a queue with a wrong default',
      () => new Queue('q', { connection, defaultJobOptions: { attempts: 0 } }),
      /"defaultJobOptions\.attempts" has the value 0/,
    ],
    [
      'a queue without a name',
      () => new Queue(asAny<string>(undefined), { connection }),
      /"name" has the value undefined\. Give a queue name/,
    ],
    [
      'a queue with an ill-formed name',
      () => new Queue(loneSurrogate, { connection }),
      /"name" has the value "x\\ud800"\. .*well-formed Unicode/,
    ],
    [
      'a worker without options',
      () => new Worker('q', work, asAny<WorkerOptions>(undefined)),
      /"options" has the value undefined\. Give what openCluster/,
    ],
    [
      'a worker without a processor',
      () => new Worker('q', asAny<typeof work>(undefined), { connection }),
      /"processor" has the value undefined\. Give a function, or the path/,
    ],
    [
      'a worker with its options as the processor',
      () => new Worker('q', asAny<typeof work>({ connection }), asAny<WorkerOptions>(undefined)),
      /"processor"/,
    ],
    ['a worker with an empty path', () => new Worker('q', '', { connection }), /"processor" has the value ""/],
    ['a worker with an ill-formed name', () => new Worker('\udfff', work, { connection }), /well-formed/],
    [
      'a worker with a concurrency of text',
      () => new Worker('q', work, asAny<WorkerOptions>({ connection, concurrency: '3' })),
      /"concurrency" has the value "3"\. Give an integer from 1/,
    ],
    [
      'a client without an endpoint',
      () => new Client(asAny<ClusterEndpoint>(undefined)),
      /"endpoint" has the value undefined\. Give what openCluster/,
    ],
    [
      'a client on a client',
      () => new Client(asAny<ClusterEndpoint>(new Client(cluster))),
      /"endpoint" has the value an object of the class Client/,
    ],
    [
      'a client with null for its options',
      () => new Client(cluster, asAny<object>(null)),
      /"options" has the value null\. Give an object of options/,
    ],
    [
      'a client with an infinite deadline',
      () => new Client(cluster, { deadlineMs: Number.POSITIVE_INFINITY }),
      /"deadlineMs" has the value Infinity/,
    ],
  ])('%s', (_, construct, message) => {
    expect(construct).toThrow(InvalidOptionError);
    expect(construct).toThrow(message);
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'queue',
      () => new Queue('q', asAny<QueueOptions>({ connexion: cluster })),
      /no option "connexion"\. Did you mean "connection"\? Valid options: connection, defaultJobOptions\./,
    ],
    [
      'queue defaults',
      () => new Queue('q', asAny<QueueOptions>({ connection, defaultJobOptions: { retries: 3 } })),
      /no option "retries" in "defaultJobOptions"\. Valid options: delay,/,
    ],
    [
      'worker',
      () => new Worker('q', work, asAny<WorkerOptions>({ connection, concurency: 3 })),
      /no option "concurency"\. Did you mean "concurrency"\? Valid options: connection, concurrency, lockDuration,/,
    ],
    [
      'client',
      () => new Client(cluster, asAny<object>({ deadline: 3 })),
      /no option "deadline"\. Did you mean "deadlineMs"\? Valid options: deadlineMs,/,
    ],
  ])('an unknown option of a %s is rejected with the known ones', (_, construct, message) => {
    expect(construct).toThrow(UnknownOptionError);
    expect(construct).toThrow(message);
  });
});

describe('an add with invalid arguments', () => {
  it.each<[string, (queue: Queue<unknown>) => Promise<unknown>, RegExp]>([
    ['options null', (queue) => queue.add('x', 1, asAny<JobOptions>(null)), /"options" has the value null\. Give an object of job options/],
    ['options that are a list', (queue) => queue.add('x', 1, asAny<JobOptions>([])), /"options" has the value \[\]/],
    ['a number in text', (queue) => queue.add('x', 1, asAny<JobOptions>({ attempts: '3' })), /"attempts" has the value "3"/],
    [
      'a backoff without its delay',
      (queue) => queue.add('x', 1, asAny<JobOptions>({ backoff: { type: 'fixed' } })),
      /"backoff\.delay" has the value undefined\. Give a number of milliseconds/,
    ],
    [
      'a backoff of an unknown type',
      (queue) => queue.add('x', 1, asAny<JobOptions>({ backoff: { type: 'linear', delay: 1 } })),
      /"backoff\.type" has the value "linear"\. Give 'fixed' or/,
    ],
    [
      'a backoff of null',
      (queue) => queue.add('x', 1, asAny<JobOptions>({ backoff: null })),
      /"backoff" has the value null\. Give a number of milliseconds or/,
    ],
    ['a negative backoff', (queue) => queue.add('x', 1, { backoff: -1 }), /"backoff" has the value -1/],
    ['an unreadable value', (queue) => queue.add('x', 1, asAny<JobOptions>({ delay: throwing })), /"delay" has the value \{/],
    ['no list', (queue) => queue.addBulk(asAny<[]>(undefined)), /"jobs" has the value undefined\. Give a list of jobs/],
    [
      'a job that is none',
      (queue) => queue.addBulk(asAny<[]>([{ name: 'x', data: 1 }, null])),
      /"jobs\[1\]" has the value null\. Give an object \{ name, data, opts \}/,
    ],
    [
      'options in a bulk',
      (queue) => queue.addBulk([{ name: 'x', data: 1, opts: { delay: -1 } }]),
      /"jobs\[0\]\.opts\.delay" has the value -1/,
    ],
  ])('%s: is rejected with the remedy, and nothing is sent', async (_, add, message) => {
    const { cluster, queue } = aQueue();
    const error: unknown = await add(queue).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ code: 'INVALID_OPTION', outcome: 'not-applied', message: expect.stringMatching(message) });
    expect(cluster.requests).toHaveLength(0);
  });

  it.each<[string, (queue: Queue<unknown>) => Promise<unknown>, RegExp]>([
    [
      'in its backoff',
      (queue) => queue.add('x', 1, asAny<JobOptions>({ backoff: { type: 'fixed', delay: 1, jitter: 1 } })),
      /BullMQ's option "jitter" in "backoff" is not supported yet\. .* Valid options: type, delay\./,
    ],
    [
      'in a bulk',
      (queue) =>
        queue.addBulk(
          asAny<[]>([
            { name: 'x', data: 1 },
            { name: 'x', data: 1, options: {} },
          ]),
        ),
      /no option "options" in "jobs\[1\]"\. Did you mean "opts"\? Valid options: name, data, opts\./,
    ],
    [
      'in the options of a bulk',
      (queue) => queue.addBulk(asAny<[]>([{ name: 'x', data: 1, opts: { dealy: 1 } }])),
      /no option "dealy" in "jobs\[0\]\.opts"/,
    ],
  ])('an unknown name %s is rejected with the known ones', async (_, add, message) => {
    const { cluster, queue } = aQueue();
    const error: unknown = await add(queue).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UnknownOptionError);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect(cluster.requests).toHaveLength(0);
  });

  it.each<[string, readonly unknown[], number, RegExp]>([
    [
      'its options',
      [
        { name: 'a', data: 1 },
        { name: 'welcome', data: 1, opts: { delay: -1 } },
      ],
      1,
      /index 1 \("welcome"\)\. Option "jobs\[1\]/,
    ],
    [
      'its data',
      [
        { name: 'a', data: 1 },
        { name: 'b', data: 1 },
        { name: 'c', data: 1n },
      ],
      2,
      /index 2 \("c"\)\. The data cannot be written/,
    ],
    ['its name', [{ name: 7, data: 1 }], 0, /index 0 \(7\)\. The name of a job must be a string/],
    [
      'its size',
      [
        { name: 'a', data: 1 },
        { name: 'b', data: 'x'.repeat(5_000_000) },
      ],
      1,
      /index 1 \("b"\)\. The payload has 5\d+ bytes/,
    ],
    ['what is no job', [{ name: 'a', data: 1 }, 'b'], 1, /index 1\. Option "jobs\[1\]" has the value "b"/],
    [
      'what is still a promise',
      [Promise.resolve({ name: 'a', data: 1 })],
      0,
      /index 0\. Option "jobs\[0\]" .* It is a promise: put "await"/,
    ],
  ])('is named when a bulk is rejected because of %s, and nothing of the bulk is added', async (_, jobs, at, message) => {
    const { cluster, queue } = aQueue();
    const error: unknown = await queue.addBulk(asAny<[]>(jobs)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ outcome: 'not-applied', message: expect.stringMatching(message) });
    expect(error).toMatchObject({ stack: expect.stringContaining(`Nothing of the bulk was added, because of the job at index ${at}`) });
    expect(cluster.requests).toHaveLength(0);
  });

  it('has no name that changes when it is encoded: lone surrogates are rejected', async () => {
    const { cluster, queue } = aQueue();
    for (const name of ['\ud800', `${'long '.repeat(20)}\udc00`, asAny<string>(7), asAny<string>(undefined), asAny<string>(throwing)]) {
      await expect(queue.add(name, 1)).rejects.toBeInstanceOf(InvalidPayloadError);
      await expect(queue.addBulk([{ name, data: 1 }])).rejects.toBeInstanceOf(InvalidPayloadError);
    }
    expect(cluster.requests).toHaveLength(0);
  });

  it('keeps surrogates in its data, paired or not, and paired ones in its name', async () => {
    const { queue } = aQueue();
    const data = { [loneSurrogate]: ['\udfff', '😀'] };
    const { id } = await queue.add('😀', data);
    expect(await queue.getJob(id)).toMatchObject({ name: '😀', data });
  });
});

describe('a missing await', () => {
  const cluster = new FakeCluster();
  const promise = asAny<never>(Promise.resolve(cluster));
  const work: Processor<unknown, unknown> = () => 1;

  it.each<[string, () => unknown]>([
    ['the connection of a queue', () => new Queue('q', { connection: promise })],
    ['the options of a queue', () => new Queue('q', promise)],
    ['the name of a queue', () => new Queue(promise, { connection: cluster })],
    ['the connection of a worker', () => new Worker('q', work, { connection: promise })],
    ['the options of a worker', () => new Worker('q', work, promise)],
    ['the processor of a worker', () => new Worker('q', promise, { connection: cluster })],
    ['the cluster of a client', () => new Client(promise)],
    ['the options of a client', () => new Client(cluster, promise)],
    ['the options of a cluster', () => clusterSettings(promise)],
    ['a group of options of a cluster', () => clusterSettings({ nodes: 1, storage: 'memory', raft: promise })],
  ])('is named in the error: %s', (_, construct) =>
    expect(construct).toThrow(/It is a promise: put "await" before the call that returned it\. Give /),
  );

  it.each<[string, (queue: Queue<unknown>, client: Client) => Promise<unknown>]>([
    ['the name of a job', (queue) => queue.add(promise, 1)],
    ['its data', (queue) => queue.add('x', promise)],
    ['its options', (queue) => queue.add('x', 1, promise)],
    ['one of its options', (queue) => queue.add('x', 1, { delay: promise })],
    ['its backoff', (queue) => queue.add('x', 1, { backoff: promise })],
    ['a list of jobs', (queue) => queue.addBulk(promise)],
    ['a job of a list', (queue) => queue.addBulk([promise])],
    ['the data of a job of a list', (queue) => queue.addBulk([{ name: 'x', data: promise }])],
    ['the options of a job of a list', (queue) => queue.addBulk([{ name: 'x', data: 1, opts: promise }])],
    ['an id', (queue) => queue.getJob(promise)],
    ['the options of a reading', (queue) => queue.getJob('1', promise)],
    ['the id of a node', (_, client) => client.status(promise)],
    ['a change of members', (_, client) => client.changeMembership(1, promise)],
  ])('is named in the error, and nothing is sent: %s', async (_, call) => {
    const { cluster: connected, client, queue } = aQueue();
    await expect(call(queue, client)).rejects.toThrow(/is a promise: put "await" before the call that returned it/);
    expect([...connected.requests, ...connected.queries]).toHaveLength(0);
  });
});

describe('the first check of job options, which saves a call into zod', () => {
  const odd = fc.constantFrom<unknown>(
    null,
    '3',
    Number.NaN,
    -1,
    0.5,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    [],
    {},
    1n,
    undefined,
    true,
    () => 1,
  );
  const whole = fc.integer({ min: -2, max: 3_000_000 });
  const duration = fc.oneof(fc.double({ min: -1, max: DURATION_MS_MAX + 1, noNaN: true }), whole);
  const backoff = fc.oneof(
    duration,
    fc.record({ type: fc.constantFrom<unknown>('fixed', 'exponential', 'linear', undefined), delay: fc.oneof(duration, odd) }),
    fc.record({ type: fc.constant('fixed'), delay: duration, jitter: fc.constant(1) }, { requiredKeys: ['type'] }),
  );
  const kept = fc.oneof(fc.boolean(), whole);
  const options = fc.record(
    {
      delay: fc.oneof(duration, odd),
      priority: fc.oneof(whole, fc.constant(PRIORITY_MAX), odd),
      lifo: fc.oneof(fc.boolean(), odd),
      attempts: fc.oneof(whole, odd),
      backoff: fc.oneof(backoff, odd),
      removeOnComplete: fc.oneof(kept, odd),
      removeOnFail: fc.oneof(kept, odd),
      dealy: fc.constant(1),
    },
    { requiredKeys: [] },
  );

  it('agrees with the schema about every value', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 9, arbitrary: options }, odd), (value) => {
        expect(isValidAtSight(asAny<JobOptions>(value))).toBe(JOB_OPTIONS.safeParse(value).success);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('a function that returns a promise', () => {
  const oddities: readonly unknown[] = [
    undefined,
    null,
    Number.NaN,
    -3,
    0.5,
    '1',
    '',
    {},
    [],
    [null],
    { add: 'x' },
    { add: [1, 1] },
    1n,
    Symbol('s'),
    throwing,
    () => 1,
  ];

  it.each<[string, (queue: Queue<unknown>, client: Client, odd: never) => unknown]>([
    ['Queue.add', (queue, _, odd) => queue.add(odd, 1)],
    ['Queue.add with options', (queue, _, odd) => queue.add('x', 1, odd)],
    ['Queue.addBulk', (queue, _, odd) => queue.addBulk(odd)],
    ['Queue.addBulk of jobs', (queue, _, odd) => queue.addBulk([odd])],
    ['Queue.getJob', (queue, _, odd) => queue.getJob(odd)],
    ['Queue.getJob with options', (queue, _, odd) => queue.getJob('1', odd)],
    ['Queue.getJobCounts', (queue, _, odd) => queue.getJobCounts(odd)],
    ['Queue.getJobState', (queue, _, odd) => queue.getJobState(odd)],
    ['Queue.remove', (queue, _, odd) => queue.remove(odd)],
    ['Client.status', (_, client, odd) => client.status(odd)],
    ['Client.log', (_, client, odd) => client.log(odd)],
    ['Client.log from', (_, client, odd) => client.log(1, odd)],
    ['Client.log to', (_, client, odd) => client.log(1, 1, odd)],
    ['Client.changeMembership', (_, client, odd) => client.changeMembership(odd, {})],
    ['Client.changeMembership by', (_, client, odd) => client.changeMembership(9, odd)],
    ['Client.transferLeadership', (_, client, odd) => client.transferLeadership(odd)],
    ['Client.transferLeadership to', (_, client, odd) => client.transferLeadership(9, odd)],
  ])('%s: rejects odd arguments with a typed error, and never throws', async (_, call) => {
    const { cluster, client, queue } = aQueue();
    // Valid arguments are rejected at once, too: this node does not run.
    cluster.stop(9);
    for (const odd of oddities) {
      const reply = call(queue, client, odd as never);
      expect(reply).toBeInstanceOf(Promise);
      await Promise.resolve(reply).catch((error: unknown) => expect(error).toBeInstanceOf(JobraftError));
    }
  });

  it.each<[string, (queue: Queue<unknown>, id: string) => Promise<unknown>]>([
    ['getJob', (queue, id) => queue.getJob(id)],
    ['getJobState', (queue, id) => queue.getJobState(id)],
    ['remove', (queue, id) => queue.remove(id)],
  ])('distinguishes an invalid id from an id that does not exist: %s', async (_, call) => {
    const { cluster, queue } = aQueue();
    for (const [id, shown] of [
      ['', '""'],
      ['0', '"0"'],
      ['01', '"01"'],
      ['9007199254740992', '"9007199254740992"'],
      [-1, '-1'],
      [0, '0'],
      [0.5, '0.5'],
      [Number.NaN, 'NaN'],
      [null, 'null'],
      ['ü'.repeat(128), `"${'ü'.repeat(128)}"`],
      [undefined, 'undefined'],
    ] as const) {
      const error: unknown = await call(queue, asAny<string>(id)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(InvalidOptionError);
      expect(error).toMatchObject({ message: `Option "id" has the value ${shown}. Give the string that add() returned as job.id.` });
    }
    const ofNumber: unknown = await call(queue, asAny<string>(1)).catch((reason: unknown) => reason);
    expect(ofNumber).toBeInstanceOf(InvalidOptionError);
    expect(ofNumber).toMatchObject({
      message: 'Option "id" has the value 1. Give a string, as add() returned it as job.id: String(id).',
    });
    expect([...cluster.requests, ...cluster.queries]).toHaveLength(0);
  });

  it.each<[string, (client: Client) => Promise<unknown>, RegExp]>([
    ['an index that is text', (client) => client.log(1, asAny<number>('a')), /"from" has the value "a"/],
    ['an index that is no number', (client) => client.log(1, Number.NaN), /"from" has the value NaN/],
    ['an index below zero', (client) => client.log(1, -3), /"from" has the value -3/],
    ['an end that is null', (client) => client.log(1, 1, asAny<number>(null)), /"to" has the value null/],
    ['a node by its name', (client) => client.status(asAny<number>('node-1')), /"node" has the value "node-1"/],
    ['a change that names one twice', (client) => client.changeMembership(1, { add: [4, 4] }), /"change\.add" has the value \[4,4\]/],
    ['a successor below zero', (client) => client.transferLeadership(1, -1), /"to" has the value -1/],
  ])('asks no node with %s', async (_, call, message) => {
    const { client } = aQueue();
    const error: unknown = await call(client).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  });
});
