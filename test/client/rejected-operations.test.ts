import { afterEach, describe, expect, it } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import { Queue } from '../../src/client/api/queue.ts';
import type { ClientOptions } from '../../src/client/client-options.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import { eventually } from './eventually.ts';
import { FakeCluster } from './fake-cluster.ts';
import { countTimeInTurns } from './turn-time.ts';

const LARGE = 'x'.repeat(2_000);
const opened: { readonly cluster: FakeCluster; readonly client: Client }[] = [];

/** Nodes with lower limits than their client. */
function aSetting(options: ClientOptions = {}, nodes: readonly number[] = [1]) {
  const cluster = new FakeCluster(nodes);
  cluster.payloadBytesMax = 1_000;
  const client = new Client(cluster, options);
  opened.push({ cluster, client });
  return { cluster, client, queue: new Queue<string>('words', { connection: client }) };
}

countTimeInTurns();

afterEach(async () => {
  for (const { cluster, client } of opened.splice(0)) {
    cluster.silent.clear();
    cluster.resume();
    await client.close();
    cluster.close();
  }
});

const outcomeOf = (call: Promise<unknown>): Promise<unknown> => call.catch((reason: unknown) => reason);

/** Claims one job and completes it in one turn with all other calls of the turn. */
async function aClaimedJob(client: Client, queue: Queue<string>): Promise<() => Promise<OperationResult | Error>> {
  await queue.add('n', 'claimed');
  const claimed = await new Promise<OperationResult>((resolve, reject) => {
    const claim = { countMax: 1, beginMax: 1, leaseMs: 30_000, waitMs: 0, stalledMax: 1, holder: 0 };
    client.dispatcher.open(64).claim('words', claim);
    client.dispatcher.commit({ onResult: resolve, onError: reject });
  });
  if (!claimed.ok || claimed.type !== 'claimed' || claimed.jobs[0] === undefined) throw new Error('no job was claimed');
  const { id, token } = claimed.jobs[0];
  return () =>
    new Promise((resolve) =>
      client.dispatcher.keep(64, {
        write: (encoder) => encoder.complete(id, token, new Uint8Array(0)),
        untilMs: () => Number.POSITIVE_INFINITY,
        endsLease: true,
        outlivesOutage: () => true,
        onResult: resolve,
        onError: resolve,
      }),
    );
}

describe('an operation that the nodes reject', () => {
  it('fails alone: the others of its request are executed, each once', async () => {
    const { cluster, client, queue } = aSetting();
    const complete = await aClaimedJob(client, queue);
    const other = new Queue<string>('others', { connection: client });
    const calls = [
      queue.add('n', 'first'),
      other.add('n', LARGE),
      other.add('n', 'second'),
      complete(),
      queue.add('n', LARGE, { attempts: 7 }),
      queue.add('n', 'third', { attempts: 7 }),
    ].map(outcomeOf);
    const [first, large, second, completed, larger, third] = await Promise.all(calls);
    expect(large).toMatchObject({
      code: 'TOO_LARGE',
      outcome: 'not-applied',
      message: expect.stringMatching(/2\d\d\d bytes, 1000 are allowed/),
    });
    expect(larger).toMatchObject({ code: 'TOO_LARGE', outcome: 'not-applied' });
    expect([first, second, third]).toMatchObject([{ data: 'first' }, { data: 'second' }, { data: 'third', opts: { attempts: 7 } }]);
    expect(completed).toEqual({ ok: true, type: 'done' });
    expect(cluster.machine.counts('words')).toMatchObject({ waiting: 2, active: 0, completed: 1 });
    expect(cluster.machine.counts('others')).toMatchObject({ waiting: 1 });
    expect(client.dispatcher.operations).toBe(0);
  });

  it('fails alone in a bulk of several requests', async () => {
    const { cluster, client, queue } = aSetting({ batchOperationsMax: 4 });
    const words = Array.from({ length: 20 }, (_, n) => ({ name: 'n', data: n === 6 ? LARGE : `${n}` }));
    const [bulk, add] = await Promise.all([outcomeOf(queue.addBulk(words)), outcomeOf(queue.add('n', 'beside'))]);
    expect(bulk).toMatchObject({ code: 'TOO_LARGE' });
    expect(add).toMatchObject({ data: 'beside' });
    expect(cluster.machine.counts('words').waiting).toBe(20);
    expect(client.dispatcher.operations).toBe(0);
  });

  it('is the only one of its request', async () => {
    const { client, queue } = aSetting();
    expect(await outcomeOf(queue.add('n', LARGE))).toMatchObject({ code: 'TOO_LARGE', outcome: 'not-applied' });
    expect(client.dispatcher.operations).toBe(0);
    expect(await queue.add('n', 'small')).toMatchObject({ id: '1' });
  });

  it('does not fail a completion, also if an earlier sending of both got no reply', async () => {
    const { cluster, client, queue } = aSetting({ silenceMs: 20 }, [1, 2]);
    const complete = await aClaimedJob(client, queue);
    cluster.silent.add(1);
    const calls = [queue.add('n', LARGE), queue.add('n', 'small'), complete()].map(outcomeOf);
    const [large, small, completed] = await Promise.all(calls);
    expect(large).toMatchObject({ code: 'TOO_LARGE', outcome: 'unknown' });
    const beside = expect.stringMatching(
      /^The cluster rejected the call: Another call of the same request is invalid.* Look for its job, then repeat it/,
    );
    expect(small).toMatchObject({ code: 'REJECTED_TOGETHER', outcome: 'unknown', message: beside });
    expect(completed).toEqual({ ok: true, type: 'done' });
  });
});

describe('a result that is larger than the nodes allow', () => {
  it('fails its job, with the reason', async () => {
    const { cluster, client, queue } = aSetting();
    const { id } = await queue.add('n', 'small', { attempts: 1 });
    const worker = new Worker<string, string>('words', () => LARGE, { connection: client });
    const errors: Error[] = [];
    worker.on('error', (error) => errors.push(error));
    await eventually(() => expect(cluster.machine.counts('words').failed).toBe(1));
    await worker.close();
    expect(await queue.getJob(id)).toMatchObject({
      state: 'failed',
      failedReason: expect.stringContaining('2003 bytes, 1000 are allowed'),
    });
    expect(errors).toEqual([]);
  });
});
