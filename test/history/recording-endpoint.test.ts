import { afterEach, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { Client } from '../../src/client/api/client.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { ClientChannelHandlers, ClusterEndpoint } from '../../src/client/endpoint.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { checkHistory } from '../../src/history/checkers/check-history.ts';
import { HistoryRecorder } from '../../src/history/history.ts';
import { operationsOf } from '../../src/history/operation.ts';
import { RecordingEndpoint } from '../../src/history/recording-endpoint.ts';
import { writeServerFrame } from '../../src/protocol/client-frame.ts';
import { eventually } from '../client/eventually.ts';
import { FakeCluster } from '../client/fake-cluster.ts';
import { bytesOf, options, TestQueue } from '../queue/harness.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function aRecordedClient() {
  const cluster = new FakeCluster();
  const recorder = new HistoryRecorder({ nowUs: () => Math.round(performance.now() * 1_000) });
  const keyOf = (payload: Uint8Array): string => /"([^"]*)"$/.exec(new TextDecoder('latin1').decode(payload))?.[1] ?? '';
  const client = new Client(new RecordingEndpoint(cluster, { recorder, keyOf }), { deadlineMs: 60_000, silenceMs: 30 });
  closers.push(async () => {
    await client.close();
  });
  const queue = new Queue<string>('work', { connection: client });
  return { cluster, recorder, client, queue };
}

describe('an endpoint that records', () => {
  it('records the calls of a queue and their replies', async () => {
    const { recorder, queue } = aRecordedClient();
    const job = await queue.add('job', 'first', { attempts: 2, removeOnComplete: false, lifo: true });
    await queue.getJob(job.id);
    await queue.getJob('99');
    await queue.remove(job.id);
    await expect(queue.remove(job.id)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
    expect(operationsOf(recorder.events)).toMatchObject([
      {
        f: 'add',
        call: { key: 'first', queue: 'work', attemptsMax: 2, keepCompleted: -1, isLifo: true },
        outcome: 'ok',
        result: { job: Number(job.id) },
      },
      { f: 'getJob', call: { job: Number(job.id) }, outcome: 'ok', result: { state: 'waiting' } },
      { f: 'getJob', call: { job: 99 }, outcome: 'ok', result: { state: null } },
      { f: 'remove', outcome: 'ok' },
      { f: 'remove', outcome: 'fail', error: 'JOB_NOT_FOUND' },
    ]);
  });

  it('records the operations that a worker makes by itself', async () => {
    const { recorder, queue, client } = aRecordedClient();
    const added = await queue.addBulk(['one', 'two', 'three'].map((data) => ({ name: 'job', data })));
    const worker = new Worker<string>(
      'work',
      (job) => {
        if (job.data === 'two') throw new Error('no');
      },
      { connection: client, concurrency: 3 },
    );
    const ended = new Promise<void>((resolve) => {
      let count = 0;
      const onEnd = () => {
        count += 1;
        if (count === 3) resolve();
      };
      worker.on('completed', onEnd);
      worker.on('failed', onEnd);
    });
    await ended;
    await worker.close();
    const operations = operationsOf(recorder.events);
    const claimed = operations.flatMap((one) => (one.f === 'claim' ? (one.result?.jobs ?? []) : []));
    expect(claimed).toEqual(
      added.map(({ id }, at) => ({
        job: Number(id),
        key: ['one', 'two', 'three'][at],
        token: at + 1,
        attempt: 1,
        isBegun: true,
        stalls: 0,
      })),
    );
    expect(operations.filter(({ f, outcome }) => f === 'complete' && outcome === 'ok')).toHaveLength(2);
    expect(operations.find(({ f }) => f === 'fail')).toMatchObject({
      call: { job: Number(added[1]?.id), token: 2, retry: true },
      outcome: 'ok',
    });
    expect(checkHistory(recorder.events).ok).toBe(true);
  });

  it('counts a repeated request as one operation with one invocation and one reply', async () => {
    const { cluster, recorder, queue } = aRecordedClient();
    await queue.add('job', 'before');
    cluster.repliesToSwallow = 1;
    await queue.add('job', 'repeated');
    expect(cluster.requests.length).toBeGreaterThan(new Set(cluster.requests.map(({ client, sequence }) => `${client}/${sequence}`)).size);
    expect(recorder.events.map(({ type, f }) => `${type} ${f}`)).toEqual(['invoke add', 'ok add', 'invoke add', 'ok add']);
  });

  it('recognizes a request that is repeated after its reply, before the client has read it', () => {
    const queue = new TestQueue();
    const recorder = new HistoryRecorder({ nowUs: () => 0 });
    const opened: ClientChannelHandlers[] = [];
    const cluster: ClusterEndpoint = {
      nodeIds: () => [1],
      openChannel: (_node, handlers) => {
        opened.push(handlers);
        return { send: () => {}, close: () => {} };
      },
    };
    const channel = new RecordingEndpoint(cluster, { recorder, keyOf: () => 'key' }).openChannel(1, {
      onPacket: () => {},
      onLost: () => {},
    });
    const request = queue.request((to) => to.add('q', bytesOf('payload'), options()));
    const [reply = new Uint8Array()] = queue.apply(request);
    const frame = new ByteWriter();
    writeServerFrame(frame, { type: 'reply', reply });
    const packet = packetOf({ type: 'request', request });
    channel?.send(packet);
    opened[0]?.onPacket(frame.copy());
    channel?.send(packet);
    opened[0]?.onPacket(frame.copy());
    expect(recorder.events.map(({ type, f }) => `${type} ${f}`)).toEqual(['invoke add', 'ok add']);
  });

  it('leaves a call without a reply open', async () => {
    const { cluster, recorder, queue } = aRecordedClient();
    await queue.add('job', 'before');
    cluster.silent.add(1);
    const lost = queue.add('job', 'lost');
    lost.catch(() => {});
    await eventually(() => expect(recorder.events).toHaveLength(3));
    expect(operationsOf(recorder.events).at(-1)).toMatchObject({ f: 'add', call: { key: 'lost' }, outcome: 'info' });
    cluster.silent.clear();
    await lost;
    expect(operationsOf(recorder.events).at(-1)).toMatchObject({ outcome: 'ok' });
  });
});
