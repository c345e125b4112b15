import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, Client as GrpcClient, type ServiceError, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { connect } from '../../src/remote/connect.ts';
import type { ServedNode } from '../../src/server/served-node.ts';
import { startNode } from '../../src/server/start-node.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { clusterClient } from '../../src/transport/grpc/cluster-service.ts';
import { clientMetadata } from '../../src/transport/grpc/packet-exchange.ts';
import { raftClient } from '../../src/transport/grpc/raft-service.ts';
import { setCheckpointFormat } from '../storage/newer-checkpoint.ts';

const folder = mkdtempSync(join(tmpdir(), 'jobraft-node-'));
let address: string;
let node: ServedNode;

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  return `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
}

const start = (): Promise<ServedNode> => startNode({ id: 1, cluster: 'mail', nodes: [{ id: 1, address }], dataDir: folder });

beforeAll(async () => {
  address = await freeAddress();
  node = await start();
});
afterAll(async () => {
  await node.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A job goes through the node, whatever happened to it before. */
async function expectToServe(): Promise<void> {
  await using cluster = await connect({ endpoints: [address], cluster: 'mail' });
  await using queue = new Queue('work', { connection: cluster });
  const { id } = await queue.add('job', 1);
  expect(await queue.getJob(id)).toMatchObject({ id, name: 'job', data: 1 });
}

function open(count: number): Socket[] {
  const port = Number(address.split(':')[1]);
  const sockets = Array.from({ length: count }, () => connectTcp(port, '127.0.0.1').on('error', () => undefined));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

const connected = (sockets: readonly Socket[]): Promise<unknown> =>
  Promise.all(sockets.map((socket) => new Promise<void>((resolve) => (socket.connecting ? socket.once('connect', resolve) : resolve()))));

/** The reply to one call with these bytes, by a client that is not ours. */
async function call(path: string, bytes: Uint8Array): Promise<ServiceError> {
  const client = new GrpcClient(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  const same = (value: Uint8Array) => Buffer.from(value);
  return await new Promise((resolve, reject) =>
    client.makeUnaryRequest(path, same, same, bytes, (error) => (error === null ? reject(new Error('It was accepted.')) : resolve(error))),
  );
}

describe('a node that is a process', () => {
  it('serves queues and workers of other processes', async () => {
    await using cluster = await connect({ endpoints: [address] });
    await using queue = new Queue('mail', { connection: cluster });
    await using worker = new Worker<{ to: string }, { sent: string }>('mail', async ({ data }) => ({ sent: data.to }), {
      connection: cluster,
    });
    const done = new Promise((resolve) => worker.on('completed', (_job, result) => resolve(result)));
    await queue.add('welcome', { to: 'ada' });
    expect(await done).toEqual({ sent: 'ada' });
    expect(await cluster.status(1)).toMatchObject({ node: 1, state: 'leader', voters: [1] });
  });

  it.each([
    ['garbage', Buffer.from('\u0000\u0001 this is no HTTP/2 \r\n\r\n'.repeat(1_000))],
    ['half a frame', Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 100, 4, 0])])],
    [
      'a frame larger than HTTP/2 allows',
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([255, 255, 255, 4, 0, 0, 0, 0, 0])]),
    ],
  ])('goes on after a connection that brings %s', async (_what, bytes) => {
    const [socket] = open(1) as [Socket];
    await new Promise<void>((resolve) => socket.write(bytes, () => resolve()));
    await expectToServe();
  });

  it('goes on while a client has many idle connections', async () => {
    await connected(open(500));
    await expectToServe();
  });

  it('rejects an unknown method, a message that is no protobuf, and one that announces a huge size', async () => {
    expect(await call('/jobraft.v1.Cluster/Nothing', new Uint8Array())).toMatchObject({ code: status.UNIMPLEMENTED });
    expect(await call('/jobraft.raft.v1.Raft/Introduce', Uint8Array.of(0xff, 0xff, 0xff))).toMatchObject({ code: status.INTERNAL });
    const session = connectHttp2(`http://${address}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({
      ':method': 'POST',
      ':path': '/jobraft.v1.Cluster/Exchange',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const trailers = new Promise((resolve) => {
      stream.on('response', (headers) => headers['grpc-status'] !== undefined && resolve(headers['grpc-status']));
      stream.on('trailers', (headers) => resolve(headers['grpc-status']));
      stream.on('error', () => undefined);
    });
    stream.resume();
    stream.write(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3));
    expect(Number(await trailers)).toBeGreaterThan(0);
    await expectToServe();
  });

  it('rejects calls of peers without a handshake, and channels of clients that mean another cluster', async () => {
    const peer = raftClient(address, { options: channelOptions(1_000_000), security: UNSECURED });
    const client = clusterClient(address, { options: channelOptions(1_000_000), security: UNSECURED });
    onTestFinished(() => {
      peer.close();
      client.close();
    });
    expect(await call('/jobraft.raft.v1.Raft/RequestVote', new Uint8Array())).toMatchObject({ code: status.FAILED_PRECONDITION });
    expect(await call('/jobraft.raft.v1.Raft/TimeoutNow', new Uint8Array())).toMatchObject({ code: status.FAILED_PRECONDITION });
    const errorOf = (stream: ReturnType<typeof client.Exchange>): Promise<ServiceError> =>
      new Promise((resolve) => stream.on('error', (error: ServiceError) => resolve(error)).resume());
    expect(await errorOf(client.Exchange(clientMetadata({ protocol: 1, node: 1, cluster: 5 })))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining('The client means cluster 5'),
    });
    await expectToServe();
  });

  it('drops packets of a client that are malformed', async () => {
    const client = clusterClient(address, { options: channelOptions(1_000_000), security: UNSECURED });
    onTestFinished(() => client.close());
    const stream = client.Exchange(clientMetadata({ protocol: 1, node: 1, cluster: 0 }));
    stream.on('error', () => undefined).resume();
    for (let n = 0; n < 100; n += 1) stream.write({ packet: new Uint8Array(n).fill(n) });
    await expectToServe();
    stream.cancel();
  });

  it('keeps its jobs over a restart, and rejects a second process with its folder', async () => {
    const { id } = await (async () => {
      await using cluster = await connect({ endpoints: [address] });
      await using queue = new Queue('kept', { connection: cluster });
      return await queue.add('job', 'kept');
    })();
    await expect(start()).rejects.toMatchObject({ code: 'STORAGE_IN_USE' });
    await node.close();
    node = await start();
    await using cluster = await connect({ endpoints: [address] });
    await using queue = new Queue('kept', { connection: cluster });
    expect((await queue.getJob(id))?.data).toBe('kept');
  });
});

describe('connect', () => {
  it('is rejected when no node replies in time, with the endpoints', async () => {
    const unused = await freeAddress();
    await expect(connect({ endpoints: [unused], timeoutMs: 0 })).rejects.toMatchObject({
      code: 'ENDPOINTS_UNREACHABLE',
      endpoints: [unused],
    });
  });

  it('is rejected by a node of another cluster than the one that is expected', async () => {
    await expect(connect({ endpoints: [address], cluster: 'web' })).rejects.toMatchObject({
      code: 'HANDSHAKE_REJECTED',
      message: expect.stringContaining('Node 1 belongs to the cluster "mail", not to "web"'),
    });
  });

  it.each([
    [{}, /endpoints/],
    [{ endpoints: [] }, /1 to 100 addresses/],
    [{ endpoints: ['127.0.0.1'] }, /Give a host and a port/],
    [{ endpoints: ['127.0.0.1:7101'], name: 'x' }, /No such setting/],
  ])('is rejected with the remedy for %j', async (options, message) => {
    await expect(connect(options as never)).rejects.toThrow(message);
  });
});

describe('an address that may be reached from other machines', () => {
  /** It is 127.0.0.1, but not written as an address of this machine. */
  const elsewhere = async (): Promise<string> => (await freeAddress()).replace('127.0.0.1', '127.1');

  it('is accepted by a node only with the opt-in, of which it and its log warn', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-node-'));
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
    const own = await elsewhere();
    const options = { id: 1, cluster: 'open', nodes: [{ id: 1, address: own }], dataDir, logs: { dir: join(dataDir, 'logs') } };
    await expect(startNode(options)).rejects.toThrow(/nodes\.0\.address.* Without certificates.*"insecure"/);
    const warnings: unknown[] = [];
    await using _ = await startNode({ ...options, insecure: true }, { onInsecure: (warning) => warnings.push(warning) });
    const message = expect.stringContaining(`every program that reaches ${own} can read and change all jobs`);
    expect(warnings).toEqual([{ address: own, message }]);
    const [warning = ''] = readFileSync(join(dataDir, 'logs/node-1.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"warn"'));
    expect(JSON.parse(warning)).toMatchObject({ level: 'warn', node: 1, event: 'insecure', msg: message });
    await expect(connect({ endpoints: [own] })).rejects.toThrow(/endpoints\.0.* Without certificates/);
    // A client learns the addresses of the nodes from the first one that replies.
    await expect(connect({ endpoints: [own.replace('127.1', '127.0.0.1')] })).rejects.toThrow(/Without certificates/);
    await using cluster = await connect({ endpoints: [own], insecure: true });
    await using queue = new Queue('work', { connection: cluster });
    expect((await queue.add('job', 1)).id).toBe('1');
  });
});

it('leaves a file as it is whose checkpoint a newer release wrote', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-node-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const nodes = [{ id: 1, address: await freeAddress() }];
  const options = { id: 1, cluster: 'newer', nodes, dataDir, limits: { checkpointEntries: 1, tailEntries: 1 } };
  const served = async (use: (queue: Queue) => Promise<void>): Promise<void> => {
    await using _ = await startNode(options);
    await using cluster = await connect({ endpoints: nodes.map(({ address: own }) => own) });
    await using queue = new Queue('work', { connection: cluster });
    await use(queue);
  };
  await served(async (queue) => {
    for (let n = 0; n < 5; n += 1) await queue.add('job', n);
  });
  const file = join(dataDir, 'jobraft.db');
  const own = setCheckpointFormat(file, 99);
  await expect(startNode(options)).rejects.toMatchObject({ code: 'VERSION_UNSUPPORTED' });
  setCheckpointFormat(file, own);
  await served(async (queue) => expect((await queue.getJobCounts()).waiting).toBe(5));
});

it('moves a file aside that was restored from an older copy, so that it never votes again, and gets everything from the others', async () => {
  const root = mkdtempSync(join(tmpdir(), 'jobraft-node-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const nodes = await Promise.all([1, 2, 3].map(async (id) => ({ id, address: await freeAddress() })));
  const startOf = (id: number, listeners = {}): Promise<ServedNode> =>
    startNode({ id, cluster: 'copied', nodes, dataDir: join(root, `${id}`) }, listeners);
  let [one, ...others] = (await Promise.all([1, 2, 3].map((id) => startOf(id)))) as [ServedNode, ...ServedNode[]];
  await using cluster = await connect({ endpoints: nodes.map(({ address }) => address) });
  await using queue = new Queue('copied', { connection: cluster });
  await queue.add('in the copy', 1);
  await vi.waitUntil(async () => (await cluster.status(1)).applied === (await cluster.status(2)).applied, 60_000);
  cpSync(join(root, '1'), join(root, 'copy'), { recursive: true });
  // Each life has a higher generation, which the cluster records as a configuration.
  const records = async (): Promise<number> => (await cluster.log(2)).filter(({ kind }) => kind === 'configuration').length;
  for (let life = 0; life < 3; life += 1) {
    const before = await records();
    await one.close();
    one = await startOf(1);
    await queue.add('later', life);
    await vi.waitUntil(async () => (await records()) > before, 60_000);
  }
  await one.close();
  rmSync(join(root, '1'), { recursive: true });
  cpSync(join(root, 'copy'), join(root, '1'), { recursive: true });
  const repaired = Promise.withResolvers<{ readonly movedTo: string }>();
  one = await startOf(1, { onRepair: repaired.resolve, onFailure: repaired.reject });
  expect(existsSync((await repaired.promise).movedTo)).toBe(true);
  const hasEverything = async (): Promise<boolean> => {
    const [{ applied }, { commit }] = await Promise.all([cluster.status(1), cluster.status(2)]);
    return applied === commit;
  };
  await vi.waitUntil(async () => await hasEverything().catch(() => false), 60_000);
  await Promise.all([one, ...others].map((each) => each.close()));
}, 300_000);
