import type { Cluster } from 'jobraft';
import { ConfigError, JobraftError, Queue, startCluster } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { type ClientFrame, writeClientFrame } from '../../src/protocol/client-frame.ts';

async function aCluster(nodes: number): Promise<{ readonly cluster: Cluster; readonly failures: unknown[] }> {
  const failures: unknown[] = [];
  const cluster = await startCluster({ nodes, storage: 'memory', onNodeFailure: (_, error) => failures.push(error) });
  await cluster.waitForLeader();
  return { cluster, failures };
}

/** Expects that the cluster processes jobs, and that every node runs. */
async function expectSound(cluster: Cluster, failures: readonly unknown[]): Promise<void> {
  const queue = new Queue('q', { connection: cluster });
  await queue.add('x', 1);
  await queue.close();
  expect(failures).toEqual([]);
  for (const node of cluster.nodeIds()) expect((await cluster.status(node)).node).toBe(node);
}

describe('invalid arguments', () => {
  let shared: Awaited<ReturnType<typeof aCluster>>;
  beforeAll(async () => {
    shared = await aCluster(1);
  });
  afterAll(() => shared.cluster.close());

  const half = 0.5;
  const nothing = {};
  const none: readonly unknown[] = [];
  const oddities = [
    'a',
    '1',
    Number.NaN,
    nothing,
    -3,
    half,
    null,
    none,
    [[9]],
    { fromMs: 5, toMs: 1 },
    { ad: [4] },
    { add: 'x' },
    1n,
    () => 1,
  ];

  // Third: the value for which this call does not reject.
  it.each<[string, (cluster: Cluster, odd: never) => unknown, unknown?]>([
    ['log', (cluster, odd) => cluster.log(odd)],
    ['log from', (cluster, odd) => cluster.log(1, odd)],
    ['log to', (cluster, odd) => cluster.log(1, 1, odd)],
    ['status', (cluster, odd) => cluster.status(odd)],
    ['waitForLeader', (cluster, odd) => cluster.waitForLeader(odd), half],
    ['stop', (cluster, odd) => cluster.stop(odd)],
    ['kill', (cluster, odd) => faultsOf(cluster).kill(odd)],
    ['restart', (cluster, odd) => cluster.restart(odd)],
    ['repair', (cluster, odd) => cluster.repair(odd)],
    ['addNode', (cluster, odd) => cluster.addNode(odd)],
    ['removeNode', (cluster, odd) => cluster.removeNode(odd)],
    ['changeMembers', (cluster, odd) => cluster.changeMembers(odd), nothing],
    ['changeMembers to add', (cluster, odd) => cluster.changeMembers({ add: odd }), none],
    ['changeMembers to remove', (cluster, odd) => cluster.changeMembers({ remove: odd }), none],
    ['transferLeadership', (cluster, odd) => cluster.transferLeadership(odd)],
    ['pause', (cluster, odd) => faultsOf(cluster).pause(odd, 1)],
    ['pause for', (cluster, odd) => faultsOf(cluster).pause(1, odd), half],
    ['isolate', (cluster, odd) => faultsOf(cluster).isolate(odd)],
    ['partition', (cluster, odd) => faultsOf(cluster).partition(odd), none],
    ['delay', (cluster, odd) => faultsOf(cluster).delay(odd), half],
    ['drop', (cluster, odd) => faultsOf(cluster).drop(odd), half],
  ])('reject with a typed error, and end no node: %s', async (_, call, fine) => {
    const { cluster, failures } = shared;
    for (const odd of oddities.filter((each) => each !== fine)) {
      const reply = call(cluster, odd as never);
      expect(reply).toBeInstanceOf(Promise);
      await expect(reply).rejects.toBeInstanceOf(JobraftError);
    }
    await expectSound(cluster, failures);
  });

  it('name the argument, its value and the remedy', async () => {
    const { cluster } = shared;
    await expect(faultsOf(cluster).pause(1, Number.POSITIVE_INFINITY)).rejects.toThrow(
      /"durationMs" has the value Infinity\. Give a number of milliseconds/,
    );
    await expect(faultsOf(cluster).drop('0.5' as never)).rejects.toThrow(/"probability" has the value "0\.5"\. Give a number from 0 to 1/);
    await expect(cluster.changeMembers({ added: [4] } as never)).rejects.toThrow(
      /"added" .*No such setting\. Did you mean "add"\? Known here are add, remove/,
    );
    await expect(cluster.changeMembers({ add: [4, 4] })).rejects.toThrow(/"add" has the value \[4,4\]\. Give a list of node ids/);
    await expect(faultsOf(cluster).partition([[1, 9]])).rejects.toThrow(/"groups" has the value \[\[1,9\]\]\. .*The cluster's nodes are 1/);
    await expect(cluster.waitForLeader(Number.NaN)).rejects.toBeInstanceOf(ConfigError);
    for (const odd of [undefined, null, {}, 1])
      expect(() => faultsOf(odd as never)).toThrow(/"cluster" .*Give what startCluster\(\) returned/);
  });
});

describe('a node that receives invalid packets', () => {
  const oddNumbers = [Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 0.5, 1, 5, 2 ** 53 - 1, 2 ** 53];

  function packetOf(frame: ClientFrame): Uint8Array {
    const writer = new ByteWriter();
    writeClientFrame(writer, frame);
    return writer.copy();
  }

  function* oddPackets(): Generator<Uint8Array> {
    for (const odd of oddNumbers) {
      yield packetOf({ type: 'log', call: 1, from: odd, to: 3 });
      yield packetOf({ type: 'log', call: 1, from: 1, to: odd });
      yield packetOf({ type: 'change', call: 1, add: [], remove: [odd], learners: [] });
      yield packetOf({ type: 'transfer', call: 1, to: odd });
    }
    const random = new SeededRandom(7);
    const whole = (below: number) => Math.floor(random.nextUnit() * below);
    for (let count = 0; count < 2_000; count += 1) {
      const bytes = Uint8Array.from({ length: whole(60) }, () => whole(256));
      yield bytes;
      yield packetOf({ type: 'request', request: bytes });
      yield packetOf({ type: 'query', consistency: 'stale', request: bytes });
    }
  }

  it('goes on', async () => {
    const { cluster, failures } = await aCluster(1);
    const channel = cluster.openChannel(1, { onPacket: () => undefined, onLost: () => failures.push('the channel was lost') });
    for (const packet of oddPackets()) channel?.send(packet);
    for (const odd of ['text', null, undefined, {}, [1], new Uint8Array(4).buffer])
      expect(() => channel?.send(odd as never)).toThrow(ConfigError);
    for (const odd of [undefined, null, {}, { onPacket: 1, onLost: 2 }])
      expect(() => cluster.openChannel(1, odd as never)).toThrow(ConfigError);
    await expectSound(cluster, failures);
    channel?.close();
    await cluster.close();
  });
});
