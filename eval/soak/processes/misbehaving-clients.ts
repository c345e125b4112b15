import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterEndpoint } from '../../../src/index.ts';

/** A client that no client of this package is. */
export interface MisbehavingClient {
  readonly name: string;
  /** @returns what the node did about it. */
  behave(node: number, address: string, cluster: ClusterEndpoint): Promise<string>;
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME_HEADER_BYTES = 9;
const FRAME_TYPES = { data: 0, headers: 1, settings: 4 } as const;
const MIB = 1024 * 1024;
/** The longest that a frame can be (RFC 9113 §4.1). */
const FRAME_BYTES_MAX = 2 ** 24 - 1;
const ANSWER_MS_MAX = 5_000;
const IDLE_CONNECTIONS = 1_000;
const IDLE_MS = 10_000;
const RESET_CALLS = 1_000;

/** RFC 9113 §4.1: length, type, flags, stream. */
function frameHeader(length: number, type: keyof typeof FRAME_TYPES, stream: number): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(length, 0, 3);
  header.writeUInt8(FRAME_TYPES[type], 3);
  header.writeUInt32BE(stream, 5);
  return header;
}

const OPENING = Buffer.concat([PREFACE, frameHeader(0, 'settings', 0)]);

/** gRPC's prefix of a message: not compressed, and its length. */
function messagePrefix(length: number): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

function dial(address: string): Socket {
  const { hostname, port } = new URL(`tcp://${address}`);
  return connect({ host: hostname, port: Number(port) }).on('error', () => undefined);
}

/** An error is no failure: the node may reset the connection. */
const closed = (connection: EventEmitter): Promise<void> => new Promise((resolve) => void connection.once('close', resolve));

/** Sends bytes, and waits for the node to close the connection. */
async function sendBytes(address: string, bytes: Buffer): Promise<string> {
  const socket = dial(address).resume();
  socket.write(bytes);
  const isClosed = await Promise.race([closed(socket).then(() => true), sleep(ANSWER_MS_MAX, false, { ref: false })]);
  socket.destroy();
  return isClosed ? 'closed' : `open after ${ANSWER_MS_MAX / 1_000} s`;
}

/** One gRPC call. @returns its status. */
async function call(address: string, path: string, body: readonly Buffer[], headers: IncomingHttpHeaders = {}): Promise<string> {
  const session = connectHttp2(`http://${address}`);
  session.on('error', () => undefined);
  try {
    const request = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers });
    let status = 'no status';
    const note = (received: IncomingHttpHeaders): void => {
      if (received['grpc-status'] !== undefined) status = `status ${received['grpc-status']}`;
    };
    request.on('response', note).on('trailers', note);
    request.on('error', (error) => {
      if (status === 'no status') status = error.message;
    });
    for (const part of body) request.write(part);
    request.resume();
    await Promise.race([closed(request), sleep(ANSWER_MS_MAX, undefined, { ref: false })]);
    return status;
  } finally {
    session.destroy();
  }
}

/** Connections that send nothing, or no more than the opening of HTTP/2. */
async function stayIdle(address: string): Promise<string> {
  const sockets = Array.from({ length: IDLE_CONNECTIONS }, (_, at) => {
    const socket = dial(address).resume();
    if (at % 2 === 0) socket.write(OPENING);
    return socket;
  });
  try {
    await sleep(IDLE_MS);
    return `${sockets.filter(({ destroyed, connecting }) => !destroyed && !connecting).length} of ${IDLE_CONNECTIONS} open after ${IDLE_MS / 1_000} s`;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

/** Calls that are cancelled at once, on one connection. */
async function resetCalls(address: string): Promise<string> {
  const session = connectHttp2(`http://${address}`);
  let error: string | undefined;
  session.on('error', (of) => (error = of.message)).on('goaway', (code) => (error = `GOAWAY ${code}`));
  try {
    for (let at = 0; at < RESET_CALLS && !session.destroyed && !session.closed; at += 1) {
      const request = session.request({ ':method': 'POST', ':path': '/jobraft.v1.Cluster/GetStatus', 'content-type': 'application/grpc' });
      request.on('error', () => undefined).close();
      if (at % 100 === 0) await sleep(1);
    }
    await sleep(500);
    return error ?? 'the connection stays open';
  } finally {
    session.destroy();
  }
}

/** What follows a handshake that is right. */
async function sendPackets(node: number, cluster: ClusterEndpoint, packets: readonly Uint8Array[]): Promise<string> {
  let isLost = false;
  const onLost = (): void => {
    isLost = true;
  };
  const channel = cluster.openChannel(node, { onPacket: () => undefined, onLost });
  for (const packet of packets) channel?.send(packet);
  const untilMs = performance.now() + ANSWER_MS_MAX;
  while (!isLost && performance.now() < untilMs) await sleep(20);
  channel?.close();
  return isLost ? 'the channel was closed' : 'the channel stays open';
}

const EXCHANGES = [
  '/jobraft.v1.Cluster/Exchange',
  '/jobraft.raft.v1.Raft/Exchange',
  '/jobraft.raft.v1.Raft/AppendEntries',
  '/jobraft.v1.Jobs/Add',
];

async function each(paths: readonly string[], ask: (path: string) => Promise<string>): Promise<string> {
  return [...new Set(await Promise.all(paths.map(ask)))].join(', ');
}

export const MISBEHAVING_CLIENTS: readonly MisbehavingClient[] = [
  { name: 'a client that sends 1 MiB of random bytes', behave: (_, address) => sendBytes(address, randomBytes(MIB)) },
  {
    name: 'a client that sends random frames after the opening of HTTP/2',
    behave: (_, address) => sendBytes(address, Buffer.concat([OPENING, randomBytes(MIB)])),
  },
  {
    name: 'a client that sends half a frame',
    behave: (_, address) => sendBytes(address, Buffer.concat([OPENING, frameHeader(1_000, 'headers', 1), randomBytes(500)])),
  },
  {
    name: 'a client that sends a frame of 16 MiB',
    behave: (_, address) =>
      sendBytes(address, Buffer.concat([OPENING, frameHeader(FRAME_BYTES_MAX, 'data', 1), Buffer.alloc(FRAME_BYTES_MAX)])),
  },
  {
    name: 'a client whose message is to have 4 GiB',
    behave: (_, address) => each(EXCHANGES, (path) => call(address, path, [messagePrefix(2 ** 32 - 1), Buffer.alloc(MIB)])),
  },
  {
    name: 'a client that sends messages of 32 MiB that mean nothing',
    behave: (_, address) => each(EXCHANGES, (path) => call(address, path, [messagePrefix(32 * MIB), Buffer.alloc(32 * MIB, 0xff)])),
  },
  {
    name: 'a client that calls unknown methods',
    behave: (_, address) =>
      each(['/jobraft.v1.Cluster/None', '/none.None/None', '/', '/jobraft.v1.Jobs/'], (path) => call(address, path, [])),
  },
  {
    name: 'a client with wrong metadata',
    behave: (_, address) =>
      each(EXCHANGES, (path) =>
        call(address, path, [messagePrefix(0)], { 'jobraft-node': '-1', 'jobraft-cluster': 'x'.repeat(4_000), 'jobraft-protocol': '1e99' }),
      ),
  },
  { name: 'a client that speaks HTTP/1.1', behave: (_, address) => sendBytes(address, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')) },
  {
    name: 'a client that sends random packets after its handshake',
    behave: (node, _, cluster) => sendPackets(node, cluster, [new Uint8Array(0), randomBytes(1), randomBytes(100), randomBytes(MIB)]),
  },
  { name: `a client that cancels ${RESET_CALLS} calls at once`, behave: (_, address) => resetCalls(address) },
  { name: `a client with ${IDLE_CONNECTIONS} idle connections`, behave: (_, address) => stayIdle(address) },
];
