import { describe, expect, it, onTestFinished } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { QueueEvents, type QueueEventsOptions } from '../../src/client/api/queue-events.ts';
import { UnrecoverableError } from '../../src/client/errors.ts';
import {
  EventsLostError,
  JobFailedError,
  JobRemovedError,
  QueueEventsClosedError,
  ResultNotKeptError,
  WaitTimeoutError,
} from '../../src/client/event-errors.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { EVENT_NAMES } from '../../src/protocol/events.ts';
import { EVENTS_PER_QUEUE_MAX } from '../../src/protocol/limits.ts';
import { startTestCluster, type TestCluster } from '../../src/testing/index.ts';

const MINUTE_MS = 60_000;

async function aQueue(): Promise<{ cluster: TestCluster; queue: Queue<unknown, unknown> }> {
  const cluster = await startTestCluster();
  onTestFinished(() => cluster.close());
  return { cluster, queue: new Queue('work', { connection: cluster }) };
}

/** What a QueueEvents emits, as `name jobId`, and the ids. */
interface Received {
  readonly events: QueueEvents;
  readonly names: string[];
  readonly args: unknown[];
  readonly ids: string[];
  readonly errors: Error[];
}

function listen(cluster: TestCluster, options: Partial<QueueEventsOptions> = {}): Received {
  const events = new QueueEvents('work', { connection: cluster, ...options });
  onTestFinished(() => events.close());
  const received: Received = { events, names: [], args: [], ids: [], errors: [] };
  for (const name of EVENT_NAMES) {
    if (name === 'drained') {
      events.on(name, (id) => {
        received.names.push(name);
        received.ids.push(id);
      });
      continue;
    }
    events.on(name, (args: object, id: string) => {
      received.names.push(`${name} ${'jobId' in args ? args.jobId : ''}`.trim());
      received.args.push(args);
      received.ids.push(id);
    });
  }
  events.on('error', (error) => received.errors.push(error));
  return received;
}

/** Passes time until then. */
async function until(cluster: TestCluster, isTrue: () => boolean): Promise<void> {
  for (let turn = 0; !isTrue(); turn += 1) {
    if (turn === 500) throw new Error('it does not become true');
    await cluster.clock.advance(10);
  }
}

describe('the events of a queue', () => {
  it('reach a listener in another client in their order, with the arguments that BullMQ gives', async () => {
    const { cluster, queue } = await aQueue();
    const received = listen(cluster);
    await received.events.waitUntilReady();
    const job = await queue.add('mail', { to: 'x' }, { jobId: 'mail-1' });
    await queue.updateJobProgress(job.id, { done: 1 });
    const worker = new Worker('work', () => ({ sent: true }), { connection: cluster });
    onTestFinished(() => worker.close());
    await until(cluster, () => received.names.includes('drained'));
    expect(received.names).toEqual(['added mail-1', 'waiting mail-1', 'progress mail-1', 'active mail-1', 'completed mail-1', 'drained']);
    expect(received.args).toEqual([
      { jobId: 'mail-1' },
      { jobId: 'mail-1' },
      { jobId: 'mail-1', data: { done: 1 } },
      { jobId: 'mail-1', prev: 'waiting' },
      { jobId: 'mail-1', prev: 'active', returnvalue: { sent: true }, isLeftOut: false },
    ]);
    const [first = ''] = received.ids;
    const recording = first.split('-')[0];
    expect(received.ids).toEqual([1, 2, 3, 4, 5, 6].map((number) => `${recording}-${number}`));
    expect(received.errors).toEqual([]);
  });

  it('go on behind the last id of another one, each once', async () => {
    const { cluster, queue } = await aQueue();
    const first = listen(cluster);
    await first.events.waitUntilReady();
    await queue.add('a', 1);
    await until(cluster, () => first.names.length === 2);
    await first.events.close();
    await queue.add('b', 2);
    const second = listen(cluster, { lastEventId: first.ids.at(-1) ?? '' });
    const all = listen(cluster, { lastEventId: '0' });
    await until(cluster, () => second.names.length >= 2 && all.names.length >= 4);
    await cluster.clock.advance(1_000);
    expect(first.names).toEqual(['added 1', 'waiting 1']);
    expect(second.names).toEqual(['added 2', 'waiting 2']);
    expect(all.names).toEqual([...first.names, ...second.names]);
  });

  it('are recorded while one is connected, however long nothing happens', async () => {
    const { cluster, queue } = await aQueue();
    const received = listen(cluster);
    await received.events.waitUntilReady();
    await cluster.clock.advance(60 * MINUTE_MS);
    await queue.add('a', 1);
    await until(cluster, () => received.names.length === 2);
    expect(received.errors).toEqual([]);
  });

  it('report a gap since none was connected for too long, and go on', async () => {
    const { cluster, queue } = await aQueue();
    const first = listen(cluster);
    await first.events.waitUntilReady();
    await queue.add('a', 1);
    await until(cluster, () => first.names.length === 2);
    await first.events.close();
    await cluster.clock.advance(6 * MINUTE_MS);
    await queue.add('not recorded', 2);
    const last = first.ids.at(-1) ?? '';
    const second = listen(cluster, { lastEventId: last });
    await until(cluster, () => second.errors.length > 0);
    await queue.add('c', 3);
    await until(cluster, () => second.names.length === 2);
    expect(second.errors).toHaveLength(1);
    expect(second.errors[0]).toBeInstanceOf(EventsLostError);
    expect(second.errors[0]).toMatchObject({ code: 'EVENTS_LOST', lastEventId: last });
    expect(second.names).toEqual(['added 3', 'waiting 3']);
  });

  it('report those that were dropped beyond the bound, with the oldest one that is there', async () => {
    const { cluster, queue } = await aQueue();
    const first = listen(cluster);
    await first.events.waitUntilReady();
    await queue.add('a', 1);
    await until(cluster, () => first.names.length === 2);
    await first.events.close();
    await queue.addBulk(Array.from({ length: EVENTS_PER_QUEUE_MAX / 2 + 200 }, () => ({ name: 'b', data: 2 })));
    const second = listen(cluster, { lastEventId: first.ids.at(-1) ?? '' });
    await until(cluster, () => second.names.length > EVENTS_PER_QUEUE_MAX - 200 && second.ids.at(-1)?.endsWith('-10402') === true);
    expect(second.errors).toMatchObject([{ code: 'EVENTS_LOST', oldestEventId: second.ids[0] }]);
    expect(second.names.length).toBeLessThanOrEqual(EVENTS_PER_QUEUE_MAX);
  });

  it('end when it is closed, which may be done twice', async () => {
    const { cluster, queue } = await aQueue();
    const received = listen(cluster);
    await received.events.waitUntilReady();
    let closed = 0;
    received.events.on('closed', () => {
      closed += 1;
    });
    await Promise.all([received.events.close(), received.events.close()]);
    await queue.add('a', 1);
    await cluster.clock.advance(20_000);
    expect(received.names).toEqual([]);
    expect(closed).toBe(1);
    await expect(received.events.waitUntilReady()).resolves.toBeUndefined();
    const unready = new QueueEvents('work', { connection: cluster, autorun: false });
    await unready.close();
    await expect(unready.waitUntilReady()).rejects.toThrow(QueueEventsClosedError);
  });

  it('are those that exist: a listener of another one is a typed error', async () => {
    const { cluster } = await aQueue();
    const { events } = listen(cluster);
    // @ts-expect-error a name that is no event
    expect(() => events.on('complete', () => undefined)).toThrow('There is no event "complete". Did you mean "completed"?');
    expect(() => new QueueEvents('work', { connection: cluster, lastEventId: 'x' })).toThrow('Option "lastEventId" has the value "x".');
    expect(() => new QueueEvents('', { connection: cluster })).toThrow('Give a queue name');
  });

  it('survive a listener that throws', async () => {
    const { cluster, queue } = await aQueue();
    const received = listen(cluster);
    received.events.prependListener('added', () => {
      throw new Error('mine');
    });
    await received.events.waitUntilReady();
    await queue.add('a', 1);
    await until(cluster, () => received.names.length === 2);
    expect(received.errors).toMatchObject([{ message: 'mine' }]);
  });
});

describe('waitUntilFinished', () => {
  async function waiting(options: { readonly process?: (name: string) => unknown; readonly keep?: boolean } = {}) {
    const { cluster, queue } = await aQueue();
    const { events } = listen(cluster);
    const run = (): Worker<unknown, unknown> => {
      const worker = new Worker<unknown, unknown>('work', ({ name }) => (options.process ?? (() => 7))(name), { connection: cluster });
      onTestFinished(() => worker.close());
      return worker;
    };
    const settled = async <Value>(promise: Promise<Value>): Promise<Value> => {
      let isOver = false;
      const end = (): void => {
        isOver = true;
      };
      promise.then(end, end);
      await until(cluster, () => isOver);
      return await promise;
    };
    return { cluster, queue, events, run, settled };
  }

  it('resolves with the result, before and after the end, also of a job that is not kept', async () => {
    const { queue, events, run, settled } = await waiting();
    const job = await queue.add('a', 1);
    const gone = await queue.add('b', 1, { removeOnComplete: true });
    const both = Promise.all([job.waitUntilFinished(events), gone.waitUntilFinished(events, 60_000)]);
    await events.waitUntilReady();
    run();
    expect(await settled(both)).toEqual([7, 7]);
    expect(await settled(job.waitUntilFinished(events))).toBe(7);
  });

  it('rejects with the reason of a job that failed for good, before and after the end', async () => {
    const process = (): never => {
      throw new UnrecoverableError('no such address');
    };
    const { queue, events, run, settled } = await waiting({ process });
    const job = await queue.add('a', 1, { attempts: 3 });
    const gone = await queue.add('b', 1, { removeOnFail: true });
    const outcomes = Promise.allSettled([job.waitUntilFinished(events), gone.waitUntilFinished(events)]);
    await events.waitUntilReady();
    run();
    for (const outcome of await settled(outcomes)) {
      const { reason } = outcome as PromiseRejectedResult;
      expect(reason).toBeInstanceOf(JobFailedError);
      expect(reason).toMatchObject({ failedReason: expect.stringContaining('no such address') });
    }
    await expect(settled(job.waitUntilFinished(events))).rejects.toThrow('Job 1 failed: no such address');
  });

  it('rejects after its time, when the job is removed, when it is gone without a trace, and when the events are closed', async () => {
    const { cluster, queue, events, settled } = await waiting();
    const job = await queue.add('a', 1);
    const late = job.waitUntilFinished(events, 500);
    late.catch(() => undefined);
    await cluster.clock.advance(600);
    await expect(late).rejects.toThrow(WaitTimeoutError);
    const removed = job.waitUntilFinished(events);
    removed.catch(() => undefined);
    await cluster.clock.advance(100);
    await job.remove();
    await expect(settled(removed)).rejects.toMatchObject({ code: 'JOB_REMOVED', message: expect.stringContaining('before it finished') });
    await expect(settled(job.waitUntilFinished(events))).rejects.toThrow(JobRemovedError);
    const other = await queue.add('b', 1);
    const closed = other.waitUntilFinished(events);
    closed.catch(() => undefined);
    await cluster.clock.advance(100);
    await events.close();
    await expect(closed).rejects.toThrow(QueueEventsClosedError);
    await expect(settled(other.waitUntilFinished(events))).rejects.toThrow(QueueEventsClosedError);
  });

  it('gets a large result from the job, or says that it is not kept', async () => {
    const large = 'x'.repeat(5_000);
    const { queue, events, run, settled } = await waiting({ process: () => large });
    const kept = await queue.add('a', 1);
    const gone = await queue.add('b', 1, { removeOnComplete: true });
    const outcomes = Promise.allSettled([kept.waitUntilFinished(events), gone.waitUntilFinished(events)]);
    await events.waitUntilReady();
    run();
    const [first, second] = await settled(outcomes);
    expect(first).toEqual({ status: 'fulfilled', value: large });
    expect((second as PromiseRejectedResult).reason).toBeInstanceOf(ResultNotKeptError);
  });

  it('looks at the job again when events were lost', async () => {
    const { cluster, queue, settled } = await waiting();
    const job = await queue.add('a', 1);
    const events = new QueueEvents('work', { connection: cluster, lastEventId: '999-5' });
    onTestFinished(() => events.close());
    let lost = 0;
    events.on('error', () => {
      lost += 1;
    });
    const outcome = job.waitUntilFinished(events);
    const worker = new Worker('work', () => 7, { connection: cluster });
    onTestFinished(() => worker.close());
    expect(await settled(outcome)).toBe(7);
    expect(lost).toBe(1);
  });

  it('takes the events of the queue of the job only', async () => {
    const { cluster, queue } = await waiting();
    const job = await queue.add('a', 1);
    const events = new QueueEvents('other', { connection: cluster });
    onTestFinished(() => events.close());
    await expect(job.waitUntilFinished(events)).rejects.toThrow(
      'Give a QueueEvents of the job\'s queue: new QueueEvents("work", { connection }).',
    );
  });

  it('takes events of the cluster of the job only, through any connection', async () => {
    const { cluster, queue } = await waiting();
    const { cluster: other } = await aQueue();
    const job = await queue.add('a', 1);
    const [foreign, second] = [other, cluster.connect()].map((connection) => new QueueEvents('work', { connection }));
    if (foreign === undefined || second === undefined) throw new Error('no events');
    onTestFinished(async () => void (await Promise.all([foreign.close(), second.close()])));
    await expect(job.waitUntilFinished(foreign)).rejects.toThrow(
      'Option "queueEvents" has the value "work". Its cluster is not that of the job.',
    );
    const worker = new Worker('work', () => 7, { connection: cluster });
    onTestFinished(() => worker.close());
    const outcome = job.waitUntilFinished(second);
    let result: unknown;
    outcome.then((value) => {
      result = value;
    });
    await until(cluster, () => result === 7);
  });
});
