import { type ClientHttp2Stream, connect as connectHttp2, constants } from 'node:http2';
import { connect as connectSocket, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../eval/soak/until.ts';
import { TlsFiles } from '../../src/security/tls-files.ts';
import { describedStatus } from '../../src/transport/grpc/call-status.ts';
import { clientGuard } from '../../src/transport/grpc/caller.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { ClusterService, clusterClient } from '../../src/transport/grpc/cluster-service.ts';
import { type ConnectionState, GrpcServer } from '../../src/transport/grpc/grpc-server.ts';
import { JobsService } from '../../src/transport/grpc/jobs-service.ts';
import { clientMetadata, PacketExchange } from '../../src/transport/grpc/packet-exchange.ts';
import { anAuthority, issue, nodeOwner } from '../security/certificates.ts';

const MIB = 1024 * 1024;
const HOLDER = 4_711;
const PATIENT_MS = 60_000;
/** More than a client takes without reading: 64 KiB. */
const REPLY_BYTES = 200 * 1024;

interface Unary {
  GetCounts(request: object, callback: (error: ServiceError | null, counts?: object) => void): void;
  Add(request: object, callback: (error: ServiceError | null) => void): void;
}

/** A node whose service Jobs replies with a large job, or with counts. */
async function aServer(tls?: TlsFiles) {
  const dropped: { readonly peer: string; readonly reason: string }[] = [];
  const server = new GrpcServer({
    messageBytesMax: MIB,
    unreadReplyBytesMax: 2 * MIB,
    tls,
    onDropped: (peer, reason) => dropped.push({ peer, reason }),
  });
  const connections: number[] = [];
  const holders: { readonly holder: number; readonly connection: () => ConnectionState; isOver: boolean }[] = [];
  const exchange = new PacketExchange({
    own: () => ({ protocol: 1, node: 1, cluster: 7 }),
    packetBytesMax: MIB,
    firstConnection: 1,
    onPacket: (connection) => {
      connections.push(connection);
      return 0;
    },
    onGone: () => undefined,
    onHolder: (holder, peer) => {
      const seen = { holder, connection: server.connectionOf(peer), isOver: false };
      holders.push(seen);
      return () => {
        seen.isOver = true;
      };
    },
    onWrite: (peer, bytes) => server.onWrite(peer, bytes),
    onReadable: () => undefined,
  });
  server.addService(ClusterService.service, { Exchange: exchange.serve }, tls === undefined ? clientGuard : () => undefined);
  type Reply = (error: null, response: object) => void;
  const job = { queue: 'mail', id: '1', data: { raw: Buffer.alloc(REPLY_BYTES) } };
  const GetJob = (_call: unknown, reply: Reply): void => reply(null, job);
  const GetCounts = (_call: unknown, reply: Reply): void => reply(null, { waiting: 3 });
  server.addService(JobsService.service, { GetJob, GetCounts }, clientGuard);
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0', 'nodes')}`;
  const client = new JobsService(address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  onTestFinished(async () => {
    client.close();
    exchange[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
  });
  return { address, dropped, exchange, connections, holders, other: client as unknown as Unary };
}

/** Another client gets its replies, whatever the first one does. */
const expectToServe = async ({ other }: { readonly other: Unary }): Promise<void> =>
  expect(
    await new Promise((resolve, reject) =>
      other.GetCounts({ queue: 'mail' }, (error, counts) => (error ? reject(error) : resolve(counts))),
    ),
  ).toMatchObject({ waiting: 3 });

/** The channel of the only holder has ended, with the connection in that state. */
async function expectEnd(setting: Awaited<ReturnType<typeof aServer>>, expected: ConnectionState): Promise<void> {
  await until('the channel has ended', PATIENT_MS, async () => setting.holders.every(({ isOver }) => isOver));
  // The connection's end may be known a little later than that of its calls.
  if (expected !== 'open')
    await until('the connection has ended', PATIENT_MS, async () => setting.holders.every(({ connection }) => connection() !== 'open'));
  expect(setting.holders.map(({ holder, connection }) => [holder, connection()])).toEqual([[HOLDER, expected]]);
}

describe('a client that does not read its replies', () => {
  it('loses its connection beyond a bound in bytes, with a reason, and others are served: calls with one reply', async () => {
    const setting = await aServer();
    const session = connectHttp2(`http://${setting.address}`).on('error', () => undefined);
    onTestFinished(() => session.destroy());
    const closed = new Promise<void>((resolve) => session.on('close', resolve));
    let isOpen = true;
    void closed.then(() => {
      isOpen = false;
    });
    while (isOpen) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/jobraft.v1.Jobs/GetJob',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      // Nothing reads it: HTTP/2 accepts 64 KiB of it.
      stream.on('error', () => undefined).end(Buffer.alloc(5));
      await expectToServe(setting);
    }
    expect(setting.dropped).toEqual([
      { peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/), reason: expect.stringMatching(/^it left \d{7} bytes of replies unread$/) },
    ]);
    await expectToServe(setting);
  });

  it('loses its connection likewise: packets', async () => {
    const setting = await aServer();
    const client = clusterClient(setting.address, { options: channelOptions(MIB), security: UNSECURED });
    onTestFinished(() => client.close());
    const stream = client.Exchange(clientMetadata({ protocol: 1, node: 1, cluster: 7 }, HOLDER));
    const lost = new Promise<ServiceError>((resolve) => stream.on('error', resolve));
    let isOpen = true;
    void lost.then(() => {
      isOpen = false;
    });
    stream.write({ packet: Buffer.alloc(10) });
    // gRPC reads one message ahead of its user, who takes none.
    while (isOpen) {
      for (const connection of setting.connections) setting.exchange.send(connection, new Uint8Array(REPLY_BYTES));
      await expectToServe(setting);
    }
    expect(await lost).toMatchObject({ code: status.UNAVAILABLE });
    expect(setting.dropped).toHaveLength(1);
    // Its process may run: this node closed the connection.
    await expectEnd(setting, 'dropped');
  });

  it('that reads keeps its connection, however much it gets', async () => {
    const setting = await aServer();
    const client = clusterClient(setting.address, { options: channelOptions(MIB), security: UNSECURED });
    onTestFinished(() => client.close());
    const stream = client.Exchange(clientMetadata({ protocol: 1, node: 1, cluster: 7 })).on('error', () => undefined);
    let received = 0;
    stream.on('data', () => {
      received += 1;
    });
    stream.write({ packet: Buffer.alloc(10) });
    while (setting.connections.length === 0) await expectToServe(setting);
    for (let sent = 1; sent <= 40; sent += 1) {
      setting.exchange.send(setting.connections[0] ?? 0, new Uint8Array(REPLY_BYTES));
      while (received < sent) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(setting.dropped).toEqual([]);
    stream.cancel();
  });
});

describe('a process with leases', () => {
  const ends: [string, ConnectionState, (socket: Socket, stream: ClientHttp2Stream) => void][] = [
    ['has ended when its connection is closed by its system', 'ended', (socket) => socket.destroy()],
    ['has ended when its connection is reset by its system', 'ended', (socket) => socket.resetAndDestroy()],
    ['has closed its channel, and is still connected', 'open', (_socket, stream) => stream.end()],
    ['has cancelled its channel, and is still connected', 'open', (_socket, stream) => stream.close(constants.NGHTTP2_CANCEL)],
  ];

  /** @param secured what HTTP/2 is spoken on; the socket itself without TLS. */
  async function expectEndOf(
    setting: Awaited<ReturnType<typeof aServer>>,
    [expected, end]: readonly [ConnectionState, (socket: Socket, stream: ClientHttp2Stream) => void],
    secured = (socket: Socket): Socket => socket,
  ): Promise<void> {
    const [host, port] = setting.address.split(':');
    const socket = connectSocket(Number(port), host);
    const createConnection = (): Socket => secured(socket).on('error', () => undefined);
    const session = connectHttp2(`http://${setting.address}`, { createConnection }).on('error', () => undefined);
    onTestFinished(() => session.destroy());
    const metadata = clientMetadata({ protocol: 1, node: 1, cluster: 7 }, HOLDER).getMap();
    const stream = session
      .request({
        ...{ ':method': 'POST', ':path': '/jobraft.v1.Cluster/Exchange', 'content-type': 'application/grpc', te: 'trailers' },
        ...(metadata as Record<string, string>),
      })
      .on('error', () => undefined);
    await until('its channel is open', PATIENT_MS, async () => setting.holders.length > 0);
    expect(setting.holders).toMatchObject([{ holder: HOLDER, isOver: false }]);
    expect(setting.holders[0]?.connection()).toBe('open');
    end(socket, stream);
    await expectEnd(setting, expected);
  }

  it.each(ends)('%s', async (_what, expected, end) => {
    await expectEndOf(await aServer(), [expected, end]);
  });

  it.each(ends)('%s, over TLS', async (_what, expected, end) => {
    const paths = await issue(await anAuthority(), { owner: nodeOwner(1) });
    using files = new TlsFiles({ paths, onRejected: () => undefined });
    const secured = (socket: Socket): Socket => connectTls({ socket, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    await expectEndOf(await aServer(files), [expected, end], secured);
  });
});

describe('the error of a call', () => {
  it('has a code, an outcome and a remedy also for a message that is too large for gRPC', async () => {
    const { other } = await aServer();
    const error = await new Promise<ServiceError | null>((resolve) => {
      other.Add({ queue: 'mail', name: 'large', data: { raw: Buffer.alloc(2 * MIB) } }, resolve);
    });
    expect(error).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: expect.stringMatching(/larger than the 1048576 bytes .*\. Send less/),
    });
    expect(error?.metadata.get('jobraft-code')).toEqual(['MESSAGE_TOO_LARGE']);
    expect(error?.metadata.get('jobraft-outcome')).toEqual(['not-applied']);
  });

  it.each([
    [status.INTERNAL, 'Error deserializing request', 'INVALID_REQUEST', 'not-applied'],
    [status.INTERNAL, 'Error serializing response', 'INTERNAL', 'unknown'],
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded', 'DEADLINE', 'unknown'],
    [status.UNAVAILABLE, 'The cluster is not formed yet. Start its other nodes.', 'NOT_READY', 'not-applied'],
    [status.FAILED_PRECONDITION, 'The call means node 1, and this is node 2.', 'HANDSHAKE_REJECTED', 'not-applied'],
    [status.UNKNOWN, 'Unknown error', 'INTERNAL', 'unknown'],
  ])('of status %i (%s) has the code %s, and is %s', (code, details, jobraft, outcome) => {
    const { metadata } = describedStatus({ code, details }, MIB);
    expect([metadata?.get('jobraft-code'), metadata?.get('jobraft-outcome')]).toEqual([[jobraft], [outcome]]);
  });

  it('stays as it is where the call has described it', () => {
    const metadata = new Metadata();
    metadata.set('jobraft-code', 'NO_LEADER');
    const sent = { code: status.UNAVAILABLE, details: 'No leader available.', metadata };
    expect(describedStatus(sent, MIB)).toBe(sent);
  });
});
