import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, type Client as GrpcClient, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { QueueEvents } from '../../src/client/api/queue-events.ts';
import { connect } from '../../src/remote/connect.ts';
import type { ServedNode } from '../../src/server/served-node.ts';
import { startNode } from '../../src/server/start-node.ts';
import { loadService } from '../../src/transport/grpc/proto-file.ts';

/** A client as another language has it: made of the .proto file alone. */
type Call = (request: object, reply: (error: ServiceError | null, response: Response) => void) => { cancel(): void };
type Response = Readonly<Record<string, unknown>>;

const folder = mkdtempSync(join(tmpdir(), 'jobraft-service-'));
const clients: GrpcClient[] = [];
let address = '';
let node: ServedNode;

beforeAll(async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  address = `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
  node = await startNode({ id: 1, cluster: 'mail', nodes: [{ id: 1, address }], dataDir: folder });
  for (const name of ['Jobs', 'Cluster'])
    clients.push(new (loadService('jobraft.proto', `jobraft.v1.${name}`))(address, credentials.createInsecure()));
});
afterAll(async () => {
  for (const client of clients) client.close();
  await node.close();
  rmSync(folder, { recursive: true, force: true });
});

function begin(method: string, request: object): { readonly response: Promise<Response>; cancel(): void } {
  const client = clients.find((one) => method in one) as unknown as Readonly<Record<string, Call>>;
  let cancel: () => void = () => undefined;
  const response = new Promise<Response>((resolve, reject) => {
    const sent = client[method]?.call(client, request, (error, reply) => (error === null ? resolve(reply) : reject(error)));
    cancel = () => sent?.cancel();
  });
  return { response, cancel };
}
const call = (method: string, request: object): Promise<Response> => begin(method, request).response;
const failure = async (method: string, request: object): Promise<object> => {
  const error = (await call(method, request).then(
    () => undefined,
    (reason: unknown) => reason,
  )) as ServiceError;
  return {
    code: error.code,
    details: error.details,
    jobraft: error.metadata.get('jobraft-code'),
    outcome: error.metadata.get('jobraft-outcome'),
  };
};
const claimed = async (request: object): Promise<Response[]> => (await call('Claim', request)).jobs as Response[];

describe('a client in another language', () => {
  it('adds a job with JSON that is kept as it is, claims it, and completes it with bytes', async () => {
    const json = '{"to": "ada",  "amount": 12345678901234567890}';
    const { id } = await call('Add', { queue: 'mail', name: 'welcome', data: { json } });
    expect(await call('GetJob', { queue: 'mail', id })).toMatchObject({ id, name: 'welcome', state: 1, data: { json }, attempts_max: 1 });
    const [job, ...others] = await claimed({ queue: 'mail', count_max: 10 });
    expect(others).toEqual([]);
    expect(job).toMatchObject({ queue: 'mail', id, name: 'welcome', data: { data: 'json', json }, attempt: 1, begun: true, stalls: 0 });
    await call('Extend', { queue: 'mail', id, token: job?.token, lease_ms: 60_000 });
    await call('Complete', { queue: 'mail', id, token: job?.token, result: { raw: Buffer.from([1, 2, 3]) } });
    const { state, result, finished_ms } = await call('GetJob', { queue: 'mail', id });
    expect({ state, raw: [...(result as { raw: Uint8Array }).raw] }).toEqual({ state: 4, raw: [1, 2, 3] });
    expect(finished_ms).toBeGreaterThan(0);
    expect(await failure('Complete', { queue: 'mail', id, token: job?.token })).toMatchObject({
      code: status.FAILED_PRECONDITION,
      outcome: ['not-applied'],
    });
  });

  it('reports events to those in JavaScript, whatever client caused them', async () => {
    await using cluster = await connect({ endpoints: [address] });
    await using queue = new Queue('watched', { connection: cluster });
    await using events = new QueueEvents('watched', { connection: cluster });
    await events.waitUntilReady();
    const job = await queue.add('x', 1);
    const result = job.waitUntilFinished(events);
    const [taken] = await claimed({ queue: 'watched' });
    await call('Complete', { queue: 'watched', id: job.id, token: taken?.token, result: { json: '{"by":"proto"}' } });
    expect(await result).toEqual({ by: 'proto' });
  });

  it('shares its jobs with those in JavaScript', async () => {
    await using cluster = await connect({ endpoints: [address] });
    await using queue = new Queue('shared', { connection: cluster });
    const { id } = await queue.add('from node', { n: 1 }, { attempts: 2 });
    const [job] = await claimed({ queue: 'shared' });
    expect(job).toMatchObject({ id, name: 'from node', data: { json: '{"n":1}' }, attempts_max: 2 });
    await call('Fail', { queue: 'shared', id, token: job?.token, reason: 'no such address', unrecoverable: true });
    expect(await queue.getJob(id)).toMatchObject({ state: 'failed', failedReason: 'no such address' });
    await call('Retry', { queue: 'shared', id });
    expect(await queue.getJobState(id)).toBe('waiting');
    const added = await call('Add', {
      queue: 'shared',
      name: 'from proto',
      data: { raw: Buffer.from('abc') },
      options: { attempts: 3, priority: 5 },
    });
    expect(await queue.getJob(added.id as string)).toMatchObject({
      name: 'from proto',
      priority: 5,
      data: new Uint8Array(Buffer.from('abc')),
    });
  });

  it('repeats calls of its session, which take effect once', async () => {
    const { session } = await call('OpenSession', {});
    const numbered = (sequence: number) => ({ request_id: { session, sequence } });
    const twice = async (method: string, request: object): Promise<Response> => {
      const first = await call(method, request);
      expect(await call(method, request)).toEqual(first);
      return first;
    };
    const { id } = await twice('Add', { queue: 'twice', name: 'one', ...numbered(1) });
    const { ids } = await twice('AddBulk', { queue: 'twice', jobs: [{ name: 'two' }, { name: 'three' }], ...numbered(2) });
    const { jobs } = await twice('Claim', { queue: 'twice', count_max: 3, wait_ms: 60_000, ...numbered(3) });
    expect((jobs as Response[]).map((job) => job.id)).toEqual([id, ...(ids as string[])]);
    const [one, two, three] = (jobs as Response[]).map((job) => ({ queue: 'twice', id: job.id, token: job.token }));
    await twice('Begin', { ...one, ...numbered(4) });
    await twice('Extend', { ...one, lease_ms: 60_000, ...numbered(5) });
    await twice('Complete', { ...one, result: { json: '1' }, ...numbered(6) });
    await twice('Fail', { ...two, unrecoverable: true, ...numbered(7) });
    await twice('Retry', { queue: 'twice', id: two?.id, ...numbered(8) });
    await twice('Release', { ...three, ...numbered(9) });
    await twice('Remove', { queue: 'twice', id: three?.id, ...numbered(10) });
    expect(await call('GetCounts', { queue: 'twice' })).toMatchObject({ waiting: 1, active: 0, completed: 1, failed: 0 });
    expect(await failure('Complete', { ...one, ...numbered(11) })).toMatchObject({
      code: status.FAILED_PRECONDITION,
      outcome: ['not-applied'],
    });
    expect(await failure('Remove', { queue: 'twice', id, request_id: { session, sequence: 4, acknowledged_below: 5 } })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      jobraft: ['INVALID_OPTION'],
    });
  });

  it('waits for a job with a long poll, and what a cancelled one was given waits again', async () => {
    const poll = begin('Claim', { queue: 'poll', wait_ms: 60_000 });
    const { id } = await call('Add', { queue: 'poll', name: 'late' });
    expect(((await poll.response).jobs as Response[]).map((job) => job.id)).toEqual([id]);
    const gone = begin('Claim', { queue: 'gone', wait_ms: 60_000, lease_ms: 3_600_000 });
    gone.response.catch(() => undefined);
    // The node has it once it replies to a later call.
    await call('GetCounts', { queue: 'gone' });
    gone.cancel();
    const next = await call('Add', { queue: 'gone', name: 'job' });
    expect((await claimed({ queue: 'gone', wait_ms: 60_000 })).map((job) => job.id)).toEqual([next.id]);
    expect(await claimed({ queue: 'gone', wait_ms: 1 })).toEqual([]);
  });

  it('claims ahead, begins, releases, and releases all leases of a holder', async () => {
    const { ids } = await call('AddBulk', { queue: 'ahead', jobs: [{ name: 'one' }, { name: 'two' }] });
    const jobs = await claimed({ queue: 'ahead', count_max: 5, ahead: true, holder: 77 });
    expect(jobs.map(({ id, begun }) => ({ id, begun }))).toEqual((ids as string[]).map((id) => ({ id, begun: false })));
    await call('Begin', { queue: 'ahead', id: jobs[0]?.id, token: jobs[0]?.token });
    expect(await call('GetJob', { queue: 'ahead', id: jobs[0]?.id })).toMatchObject({ state: 3, attempts_made: 1 });
    await call('Release', { queue: 'ahead', id: jobs[1]?.id, token: jobs[1]?.token });
    expect(await call('GetCounts', { queue: 'ahead' })).toMatchObject({ waiting: 1, active: 1 });
    await call('ReleaseHolder', { holder: 77 });
    expect(await call('GetCounts', { queue: 'ahead' })).toMatchObject({ waiting: 2, active: 0 });
  });

  it('ends a page of large jobs before a client with the usual bound could not receive it', async () => {
    const raw = Buffer.alloc(1_400_000, 'x');
    for (let at = 0; at < 4; at += 1) await call('Add', { queue: 'large', name: `job ${at}`, data: { raw } });
    const names: string[][] = [];
    for (let start = 0, isOver = false; !isOver; ) {
      const { jobs, total } = await call('ListJobs', { queue: 'large', state: 1, start, count_max: 1_000, ascending: true });
      names.push((jobs as Response[]).map(({ name }) => name as string));
      start += (jobs as Response[]).length;
      isOver = start === total || names.length > 4;
    }
    expect(names).toEqual([
      ['job 0', 'job 1'],
      ['job 2', 'job 3'],
    ]);
  });

  it('lists jobs and queues page by page, pauses a queue, and removes a job', async () => {
    const { ids } = await call('AddBulk', { queue: 'list', jobs: Array.from({ length: 5 }, (_, at) => ({ name: `job ${at}` })) });
    const page = await call('ListJobs', { queue: 'list', state: 1, start: 1, count_max: 2, ascending: true });
    expect((page.jobs as Response[]).map(({ id }) => id)).toEqual((ids as string[]).slice(1, 3));
    expect(page.total).toBe(5);
    const first = await call('ListQueues', { count_max: 1 });
    const rest = await call('ListQueues', { after: first.last });
    expect(first).toMatchObject({ names: [expect.any(String)], is_over: false });
    expect([...(first.names as string[]), ...(rest.names as string[])]).toContain('list');
    expect(await call('PauseQueue', { queue: 'list' })).toEqual({ queue: 'list', paused: true });
    expect(await claimed({ queue: 'list' })).toEqual([]);
    expect(await call('GetQueue', { queue: 'list' })).toEqual({
      queue: 'list',
      paused: true,
      concurrency_max: 0,
      _concurrency_max: 'concurrency_max',
      rate_max: 0,
      _rate_max: 'rate_max',
      rate_ms: 0,
      _rate_ms: 'rate_ms',
    });
    expect(await call('ResumeQueue', { queue: 'list' })).toEqual({ queue: 'list', paused: false });
    await call('Remove', { queue: 'list', id: (ids as string[])[0] });
    expect(await call('GetCounts', { queue: 'list' })).toMatchObject({ waiting: 4 });
  });

  it('adds a job with an id of its own once, and names it by this id', async () => {
    const options = { custom_id: 'order-17', keep_completed: 5, delay_ms: 3_600_000 };
    const { id } = await call('Add', { queue: 'custom', name: 'one', options });
    expect(await call('Add', { queue: 'custom', name: 'two', options })).toEqual({ id });
    expect(await call('GetJob', { queue: 'custom', id: 'order-17' })).toMatchObject({ id, name: 'one', custom_id: 'order-17' });
    await call('Promote', { queue: 'custom', id: 'order-17' });
    const [job] = await claimed({ queue: 'custom' });
    expect(job).toMatchObject({ id, custom_id: 'order-17' });
    expect(await failure('Complete', { queue: 'custom', id: 'order-17', token: job?.token })).toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    await call('Complete', { queue: 'custom', id, token: job?.token });
    const { jobs } = await call('ListJobs', { queue: 'custom', state: 4 });
    expect(jobs).toMatchObject([{ id, custom_id: 'order-17' }]);
    expect(await failure('Retry', { queue: 'custom', id: 'order-17' })).toMatchObject({ code: status.FAILED_PRECONDITION });
    await call('Clean', { queue: 'custom', id: 'order-17', state: 4 });
    expect(await failure('Remove', { queue: 'custom', id: 'order-17' })).toMatchObject({
      code: status.NOT_FOUND,
      details: expect.stringContaining('There is no job order-17.'),
    });
  });

  it('removes a job once by an id of its own: a repetition gets the first reply, also when another job has this id', async () => {
    const { session } = await call('OpenSession', {});
    const options = { custom_id: 'x' };
    const remove = { queue: 'again', id: 'x', request_id: { session, sequence: 1 } };
    await call('Add', { queue: 'again', name: 'one', options });
    await call('Remove', remove);
    expect(await call('Remove', remove)).toEqual({});
    await call('Add', { queue: 'again', name: 'two', options });
    expect(await call('Remove', remove)).toEqual({});
    expect(await call('GetJob', { queue: 'again', id: 'x' })).toMatchObject({ name: 'two' });
    const missing = { queue: 'again', id: 'y', request_id: { session, sequence: 2 } };
    expect(await failure('Remove', missing)).toMatchObject({ code: status.NOT_FOUND });
    await call('Add', { queue: 'again', name: 'three', options: { custom_id: 'y' } });
    expect(await failure('Remove', missing)).toMatchObject({ code: status.NOT_FOUND });
  });

  it('deduplicates adds by an id, which a client can set free, once in a session', async () => {
    const { session } = await call('OpenSession', {});
    const deduplication = { id: 'user 7', ttl_ms: 3_600_000 };
    const { id } = await call('Add', { queue: 'once', name: 'one', options: { deduplication } });
    expect(await call('Add', { queue: 'once', name: 'two', options: { deduplication } })).toMatchObject({ id, deduplicated: true });
    const jobs = ['user 8', 'user 8', 'user 7'].map((each) => ({ name: 'three', options: { deduplication: { id: each } } }));
    const { ids, deduplicated } = await call('AddBulk', { queue: 'once', jobs, request_id: { session, sequence: 1 } });
    expect(deduplicated).toEqual([1, 2]);
    expect(ids).toMatchObject({ 2: id });
    expect(await call('GetDeduplicationJob', { queue: 'once', deduplication_id: 'user 7' })).toMatchObject({ id });
    expect(await call('GetDeduplicationJob', { queue: 'once', deduplication_id: 'none' })).toEqual({});
    const remove = { queue: 'once', deduplication_id: 'user 7', id, request_id: { session, sequence: 2 } };
    for (let repeated = 0; repeated < 2; repeated += 1) expect(await call('RemoveDeduplication', remove)).toMatchObject({ removed: true });
    expect(await call('RemoveDeduplication', { queue: 'once', deduplication_id: 'user 7' })).toMatchObject({ removed: false });
    expect(Object.keys(await call('Add', { queue: 'once', name: 'four', options: { deduplication } }))).toEqual(['id']);
    expect(await failure('Add', { queue: 'once', name: 'five', options: { deduplication: { id: '' } } })).toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
    const [job] = await claimed({ queue: 'once' });
    expect(job).toMatchObject({ id, deduplication_id: 'user 7' });
    expect(await call('GetJob', { queue: 'once', id })).toMatchObject({ deduplication_id: 'user 7' });
  });

  it('promotes a delayed job, and removes one by its state and age', async () => {
    const { id } = await call('Add', { queue: 'clean', name: 'later', options: { delay_ms: 3_600_000 } });
    expect(await failure('Clean', { queue: 'clean', id, state: 1 })).toMatchObject({ code: status.FAILED_PRECONDITION });
    await call('Promote', { queue: 'clean', id });
    expect(await failure('Promote', { queue: 'clean', id })).toMatchObject({ code: status.FAILED_PRECONDITION });
    expect(await failure('Clean', { queue: 'clean', id, state: 1, grace_ms: 3_600_000 })).toMatchObject({
      code: status.FAILED_PRECONDITION,
    });
    expect(await failure('Clean', { queue: 'clean', id })).toMatchObject({ code: status.INVALID_ARGUMENT });
    await call('Clean', { queue: 'clean', id, state: 1 });
    expect(await call('GetCounts', { queue: 'clean' })).toMatchObject({ waiting: 0, delayed: 0 });
  });

  it('limits the active jobs of a queue', async () => {
    await call('SetConcurrency', { queue: 'limited', concurrency_max: 2 });
    expect(await call('GetQueue', { queue: 'limited' })).toMatchObject({ paused: false, concurrency_max: 2 });
    for (let n = 0; n < 3; n += 1) await call('Add', { queue: 'limited', name: 'n' });
    expect(await call('Claim', { queue: 'limited', count_max: 9 })).toMatchObject({ jobs: [{}, {}] });
    await call('SetConcurrency', { queue: 'limited', concurrency_max: 0 });
    expect(await call('GetQueue', { queue: 'limited' })).toMatchObject({ concurrency_max: 0 });
    expect(await call('Claim', { queue: 'limited', count_max: 9 })).toMatchObject({ jobs: [{}] });
    expect(await failure('SetConcurrency', { queue: 'limited', concurrency_max: 2 ** 31 })).toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('limits the rate of a queue, and holds its claims back', async () => {
    await call('SetRateLimit', { queue: 'rate', rate_max: 2, rate_ms: 3_600_000 });
    expect(await call('GetQueue', { queue: 'rate' })).toMatchObject({ rate_max: 2, rate_ms: 3_600_000 });
    for (let n = 0; n < 4; n += 1) await call('Add', { queue: 'rate', name: 'n' });
    expect(await call('Claim', { queue: 'rate', count_max: 9 })).toMatchObject({ jobs: [{}, {}] });
    await call('SetRateLimit', { queue: 'rate' });
    expect(await call('GetQueue', { queue: 'rate' })).toMatchObject({ rate_max: 0, rate_ms: 0 });
    await call('HoldClaims', { queue: 'rate', hold_ms: 3_600_000 });
    expect(await call('Claim', { queue: 'rate', count_max: 9 })).toEqual({ jobs: [] });
    await call('HoldClaims', { queue: 'rate' });
    expect(await call('Claim', { queue: 'rate', count_max: 9 })).toMatchObject({ jobs: [{}, {}] });
    const limited = { queue: 'brought', count_max: 9, limiter_max: 1, limiter_ms: 3_600_000 };
    for (let n = 0; n < 2; n += 1) await call('Add', { queue: 'brought', name: 'n' });
    expect(await call('Claim', limited)).toMatchObject({ jobs: [{}] });
    expect(await call('Claim', limited)).toEqual({ jobs: [] });
    expect(await failure('Claim', { queue: 'brought', limiter_max: 1 })).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await failure('SetRateLimit', { queue: 'rate', rate_max: 1 })).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('records the events of a queue for its subscribers, and says when events are lost', async () => {
    const queue = 'events';
    const subscribed = await call('SubscribeEvents', { queue, ttl_ms: 60_000 });
    expect(subscribed.before_oldest_event_id).toBe(subscribed.last_event_id);
    const next = begin('ReadEvents', { queue, last_event_id: subscribed.last_event_id, wait_ms: 60_000 });
    await call('Add', { queue, name: 'mail', data: { json: '1' }, options: { delay_ms: 60_000, custom_id: 'mail-1' } });
    const events = (await next.response).events as Response[];
    expect(events.map(({ event, job_id }) => `${event} ${job_id}`)).toEqual(['added mail-1', 'delayed mail-1']);
    expect(events[1]?.due_ms).toBe((events[1]?.at_ms as number) + 60_000);
    await call('UpdateProgress', { queue, id: 'mail-1', progress: { json: '{"done":1}' } });
    const { events: later } = await call('ReadEvents', { queue, last_event_id: events[1]?.id });
    expect(later).toMatchObject([{ event: 'progress', prev: 'delayed', progress: { json: '{"done":1}' } }]);
    const [recording = ''] = String(events[0]?.id).split('-');
    expect(await failure('ReadEvents', { queue, last_event_id: `${Number(recording) - 1}-1` })).toMatchObject({
      code: status.OUT_OF_RANGE,
      jobraft: ['EVENTS_LOST'],
      details: expect.stringContaining(`The oldest one that is there is ${recording}-1.`),
    });
    expect(await failure('ReadEvents', { queue, last_event_id: 'x' })).toMatchObject({ code: status.INVALID_ARGUMENT });
    const waiting = begin('ReadEvents', { queue, last_event_id: (later as Response[])[0]?.id, wait_ms: 60_000 });
    waiting.cancel();
    await expect(waiting.response).rejects.toThrow('CANCELLED');
  });

  it('sets, reads, lists and removes job schedulers, which add jobs', async () => {
    const queue = 'timed';
    const job = { name: 'report', data: { json: '{"x":1}' }, options: { attempts: 2, priority: 3 } };
    await call('UpsertScheduler', { queue, scheduler: 'hourly', times: { every_ms: 3_600_000, count_max: 9 }, job });
    await call('UpsertScheduler', { queue, scheduler: 'daily', times: { pattern: '0 9 * * *', time_zone: 'Europe/Berlin' } });
    const [first] = await claimed({ queue, wait_ms: 10_000 });
    expect(first).toMatchObject({ name: 'report', data: { json: '{"x":1}' }, scheduler: 'hourly', attempts_max: 2 });
    const scheduledMs = Number(first?.scheduled_ms);
    expect(await call('GetJob', { queue, id: first?.id })).toMatchObject({ scheduler: 'hourly', scheduled_ms: scheduledMs, priority: 3 });
    expect(await call('GetScheduler', { queue, scheduler: 'hourly' })).toMatchObject({
      ...{ queue, scheduler: 'hourly', count: 1, next_ms: scheduledMs + 3_600_000 },
      times: { every_ms: 3_600_000, count_max: 9 },
      job: { name: 'report', data: { json: '{"x":1}' }, options: { attempts: 2, priority: 3 } },
    });
    expect(await call('ListSchedulers', { queue })).toEqual({ schedulers: ['hourly', 'daily'], total: 2 });
    expect(await call('ListSchedulers', { queue, descending: true, count_max: 1 })).toEqual({ schedulers: ['daily'], total: 2 });
    const { session } = await call('OpenSession', {});
    const request = { queue, scheduler: 'hourly', request_id: { session, sequence: 2, acknowledged_below: 1 } };
    await call('RemoveScheduler', request);
    await call('RemoveScheduler', request);
    expect(await call('ListSchedulers', { queue })).toEqual({ schedulers: ['daily'], total: 1 });
  });

  it('adds a flow, and reads what its parent knows of the children', async () => {
    const child = (name: string, more: object = {}) => ({ queue: 'parts', name, options: { keep_completed: 0 }, ...more });
    const root = { queue: 'wholes', name: 'whole', children: [child('one'), child('two', { on_failure: 3 })] };
    const { ids } = (await call('AddFlow', { root })) as { readonly ids: readonly string[] };
    const [parent = '', one = '', two = ''] = ids;
    expect(await call('GetJob', { queue: 'wholes', id: parent })).toMatchObject({ state: 6 });
    expect(await call('GetCounts', { queue: 'wholes' })).toMatchObject({ waiting_children: 1, waiting: 0 });
    const [first, second] = await claimed({ queue: 'parts', count_max: 2 });
    await call('Complete', { id: one, token: first?.token, result: { json: '{"ok":true}' } });
    await call('Fail', { id: two, token: second?.token, reason: 'broken', unrecoverable: true });
    const children = async (status: number): Promise<unknown> =>
      (await call('ListChildren', { queue: 'wholes', id: parent, status })).children;
    expect(await children(1)).toMatchObject([{ queue: 'parts', id: one, result: { json: '{"ok":true}' } }]);
    expect(await children(3)).toMatchObject([{ queue: 'parts', id: two, failed_reason: 'broken' }]);
    expect(await call('RemoveChildDependency', { queue: 'parts', id: two })).toEqual({ was_child: true });
    expect(await call('ListJobs', { queue: 'wholes', state: 1 })).toMatchObject({ total: 1 });
    await call('RemoveUnprocessedChildren', { queue: 'wholes', id: parent });
    await call('RemoveAlone', { queue: 'wholes', id: parent });
    expect(await failure('RemoveAlone', { queue: 'wholes', id: parent })).toMatchObject({ code: status.NOT_FOUND });
    const options = { custom_id: 'same' };
    const same = { queue: 'wholes', children: [child('one', { options }), child('two', { options })] };
    const details = expect.stringContaining('"root.children[1].options.custom_id" has the value "same"');
    expect(await failure('AddFlow', { root: same })).toMatchObject({ code: status.INVALID_ARGUMENT, details });
  });

  it('changes the delay and the priority of a job, once in a session', async () => {
    const { session } = await call('OpenSession', {});
    const { id } = await call('Add', { queue: 'change', name: 'later', options: { delay_ms: 3_600_000, custom_id: 'x' } });
    const other = await call('Add', { queue: 'change', name: 'other', options: { priority: 1 } });
    await call('ChangePriority', { queue: 'change', id: 'x', priority: 2 });
    expect(await call('GetJob', { queue: 'change', id })).toMatchObject({ priority: 2, state: 2 });
    const now = { queue: 'change', id, delay_ms: 0, request_id: { session, sequence: 1 } };
    await call('ChangeDelay', now);
    expect(await call('ChangeDelay', now)).toEqual({});
    expect(await failure('ChangeDelay', { ...now, request_id: undefined })).toMatchObject({ code: status.FAILED_PRECONDITION });
    expect((await claimed({ queue: 'change', count_max: 2 })).map((job) => job.id)).toEqual([other.id, id]);
    expect(await failure('ChangePriority', { queue: 'change', id, priority: 1 })).toMatchObject({ code: status.FAILED_PRECONDITION });
  });

  it('sets the progress of a job, under a lease only while it goes on', async () => {
    const { id } = await call('Add', { queue: 'progress', name: 'n', options: { custom_id: 'x' } });
    await call('UpdateProgress', { queue: 'progress', id: 'x', progress: { json: '5' } });
    const [job] = await claimed({ queue: 'progress' });
    expect(job).toMatchObject({ id, progress: { json: '5' } });
    await call('UpdateProgress', { queue: 'progress', id, token: job?.token, progress: { raw: Buffer.from('half') } });
    expect(await call('GetJob', { queue: 'progress', id })).toMatchObject({ progress: { raw: Buffer.from('half') } });
    await call('Release', { id, token: job?.token });
    expect(await failure('UpdateProgress', { queue: 'progress', id, token: job?.token, progress: { json: '6' } })).toMatchObject({
      code: status.FAILED_PRECONDITION,
      jobraft: ['LEASE_LOST'],
    });
  });

  it('replaces the data of a job, whose name stays, once in a session', async () => {
    const { session } = await call('OpenSession', {});
    const { id } = await call('Add', { queue: 'data', name: 'n', data: { json: '1' }, options: { custom_id: 'x' } });
    const first = { queue: 'data', id: 'x', data: { json: '2' }, request_id: { session, sequence: 1 } };
    await call('UpdateData', first);
    expect(await call('GetJob', { queue: 'data', id })).toMatchObject({ name: 'n', data: { json: '2' } });
    const [job] = await claimed({ queue: 'data' });
    await call('UpdateData', { queue: 'data', id, token: job?.token, data: { raw: Buffer.from('three') } });
    expect(await call('UpdateData', first)).toEqual({});
    expect(await call('GetJob', { queue: 'data', id })).toMatchObject({ name: 'n', data: { raw: Buffer.from('three') } });
    await call('Release', { id, token: job?.token });
    expect(await failure('UpdateData', { queue: 'data', id, token: job?.token, data: { json: '4' } })).toMatchObject({
      jobraft: ['LEASE_LOST'],
    });
    await call('Remove', { queue: 'data', id });
    expect(await call('UpdateData', first)).toEqual({});
    expect(await failure('UpdateData', { queue: 'data', id: 'x' })).toMatchObject({ code: status.NOT_FOUND });
  });

  it('adds rows to the log of a job, reads and clears them, once in a session', async () => {
    const { session } = await call('OpenSession', {});
    const { id } = await call('Add', { queue: 'logs', name: 'n', options: { custom_id: 'x', keep_logs: 3 } });
    const first = { queue: 'logs', id: 'x', row: 'first', request_id: { session, sequence: 1 } };
    expect(await call('AddLog', first)).toEqual({ rows: 1 });
    const [job] = await claimed({ queue: 'logs' });
    expect(await call('AddLog', { queue: 'logs', id, token: job?.token, row: 'second' })).toEqual({ rows: 2 });
    expect(await call('AddLog', first)).toEqual({ rows: 1 });
    for (const row of ['third', 'fourth']) await call('AddLog', { queue: 'logs', id, row });
    expect(await call('GetLogs', { queue: 'logs', id: 'x' })).toEqual({ rows: ['second', 'third', 'fourth'], total: 3 });
    expect(await call('GetLogs', { queue: 'logs', id, descending: true, start: 1, count_max: 1 })).toEqual({ rows: ['third'], total: 3 });
    await call('ClearLogs', { queue: 'logs', id, keep_max: 1 });
    expect(await call('GetLogs', { queue: 'logs', id })).toEqual({ rows: ['fourth'], total: 1 });
    await call('Release', { id, token: job?.token });
    expect(await failure('AddLog', { queue: 'logs', id, token: job?.token, row: 'late' })).toMatchObject({ jobraft: ['LEASE_LOST'] });
    expect(await failure('GetLogs', { queue: 'logs', id: 'y' })).toMatchObject({ code: status.NOT_FOUND });
  });

  it('executes a transaction once in its session, as a whole, and names the operation that rejects it', async () => {
    const { session } = await call('OpenSession', {});
    const { id } = await call('Add', { queue: 'tx', name: 'n', options: { custom_id: 'x' } });
    const later = await call('Add', { queue: 'tx', name: 'later', options: { delay_ms: 3_600_000, custom_id: 'y' } });
    const [job] = await claimed({ queue: 'tx' });
    const lease = { id, token: job?.token };
    const operations = [
      { complete: { ...lease, result: { json: '5' } } },
      { add: { queue: 'next', name: 'successor', data: { json: '1' }, options: { priority: 2 } } },
      { promote: { queue: 'tx', id: 'y' } },
    ];
    const wrong = await failure('Transact', { operations: [...operations, { remove: { queue: 'tx', id: 'none' } }] });
    expect(wrong).toMatchObject({
      ...{ code: status.FAILED_PRECONDITION, jobraft: ['TRANSACTION_REJECTED'] },
      details: expect.stringContaining('operation 3 (remove)'),
    });
    expect(await call('GetJob', { queue: 'tx', id: 'y' })).toMatchObject({ state: 2 });
    const whole = { operations, request_id: { session, sequence: 1 } };
    const { results } = await call('Transact', whole);
    expect(results).toMatchObject([{ rows: 0 }, { id: expect.stringMatching(/^\d+$/) }, { rows: 0 }]);
    expect(await call('Transact', whole)).toEqual({ results });
    expect(await call('GetJob', { queue: 'tx', id })).toMatchObject({ state: 4, result: { json: '5' } });
    expect(await claimed({ queue: 'next', count_max: 5 })).toMatchObject([{ name: 'successor' }]);
    const rest = [
      { update_progress: { queue: 'tx', id: later.id, progress: { json: '7' } } },
      { add_log: { queue: 'tx', id, row: 'over' } },
    ];
    expect(await call('Transact', { operations: rest })).toMatchObject({ results: [{ rows: 0 }, { rows: 1 }] });
    const moved = [{ change_priority: { queue: 'tx', id: 'y', priority: 3 } }, { clear_logs: { queue: 'tx', id } }];
    await call('Transact', { operations: moved });
    await call('Transact', { operations: [{ update_data: { queue: 'tx', id: 'y', data: { json: '8' } } }] });
    expect(await call('GetJob', { queue: 'tx', id: 'y' })).toMatchObject({ priority: 3, name: 'later', data: { json: '8' } });
  });

  it('reads the log and the leader of a node, and executes a command by its name', async () => {
    const { entries } = await call('GetLog', { from: 1, to: 2 });
    expect(entries).toMatchObject([{ index: 1 }, { index: 2 }]);
    expect(await call('TransferLeadership', { to: 1 })).toEqual({ leader_id: 1 });
    const { result_json } = await call('ClientRequest', { command: 'counts', queue: 'nothing' });
    expect(JSON.parse(result_json as string)).toMatchObject({ type: 'counts', counts: { waiting: 0 } });
    await call('ClientRequest', { command: 'pause', queue: 'nothing', fields_json: '{"isPaused":true}' });
    expect(await call('GetQueue', { queue: 'nothing' })).toMatchObject({ paused: true });
  });

  it.each([
    ['GetJob', { queue: 'mail', id: '999999' }, status.NOT_FOUND, 'JOB_NOT_FOUND'],
    ['GetJob', { queue: 'mail', id: 'x' }, status.NOT_FOUND, 'JOB_NOT_FOUND'],
    ['GetJob', { queue: 'mail', id: '' }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['GetJob', { queue: 'mail', id: '007' }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['Complete', { id: 'x', token: 1 }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['Promote', { queue: 'mail', id: 'x' }, status.NOT_FOUND, 'JOB_NOT_FOUND'],
    ['ChangePriority', { queue: 'mail', id: '1', priority: 4_000_000_000 }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['Add', { queue: 'mail', name: 'x', options: { custom_id: '17' } }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['GetJob', { queue: 'mail', id: '1', consistency: 9 }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['Add', { queue: '', name: 'x' }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['Add', { queue: 'mail', name: 'x', data: { json: '{' } }, status.INVALID_ARGUMENT, 'INVALID_PAYLOAD'],
    ['Add', { queue: 'mail', name: 'x', data: { raw: Buffer.alloc(5 * 1024 * 1024) } }, status.INVALID_ARGUMENT, 'PAYLOAD_TOO_LARGE'],
    ['Add', { queue: 'mail', name: 'x', options: { priority: 4_000_000_000 } }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['AddBulk', { queue: 'mail', jobs: [{ name: 'x', data: { json: '' } }] }, status.INVALID_ARGUMENT, 'INVALID_PAYLOAD'],
    ['GetScheduler', { queue: 'mail', scheduler: 'none' }, status.NOT_FOUND, 'SCHEDULER_NOT_FOUND'],
    ['RemoveScheduler', { queue: 'mail', scheduler: 'none' }, status.NOT_FOUND, 'SCHEDULER_NOT_FOUND'],
    ['UpsertScheduler', { queue: 'mail', scheduler: 's', times: { pattern: 'soon' } }, status.INVALID_ARGUMENT, 'INVALID_REQUEST'],
    ['UpsertScheduler', { queue: 'mail', scheduler: 's' }, status.INVALID_ARGUMENT, 'INVALID_REQUEST'],
    ['UpsertScheduler', { queue: 'mail', times: { every_ms: 5 } }, status.INVALID_ARGUMENT, 'INVALID_REQUEST'],
    ['Claim', { queue: 'mail', count_max: 4_000_000_000 }, status.INVALID_ARGUMENT, 'INVALID_REQUEST'],
    ['UpdateProgress', { queue: 'mail', id: '1', progress: { json: '{' } }, status.INVALID_ARGUMENT, 'INVALID_PAYLOAD'],
    ['UpdateProgress', { queue: 'mail', id: '1', progress: { raw: Buffer.alloc(5_000) } }, status.INVALID_ARGUMENT, 'PROGRESS_TOO_LARGE'],
    ['AddLog', { queue: 'mail', id: '1', row: 'x'.repeat(70_000) }, status.INVALID_ARGUMENT, 'LOG_ROW_TOO_LARGE'],
    ['Transact', {}, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['Transact', { operations: [{}] }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['ListJobs', { queue: 'mail' }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['ClientRequest', { command: 'open' }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['ClientRequest', { command: 'pause', queue: 'mail', fields_json: '[]' }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['ClientRequest', { command: 'pause', queue: 'mail', fields_json: '{"isPaused":1}' }, status.INVALID_ARGUMENT, 'INVALID_OPTION'],
    ['TransferLeadership', { to: 9 }, status.INVALID_ARGUMENT, 'INVALID'],
  ])('is rejected with a status, a code and a remedy: %s %j', async (method, request, code, jobraft) => {
    expect(await failure(method, request)).toMatchObject({
      code,
      jobraft: [jobraft],
      outcome: ['not-applied'],
      details: expect.stringMatching(/\. [A-Z]/),
    });
  });
});
