import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { CrowdTask } from './crowd-task.ts';

/** One misbehaving client at one node, which goes on for ever. */
type Misbehaviour = (client: CrowdClient) => Promise<void>;

/** Between two connections of a client. */
const AGAIN_MS = 5_000;
const GARBAGE_BYTES = 64 * 1024;
const HUGE_BYTES = 1024 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024);
/** Calls of a flood in progress, and the pause after each: twenty a second of each client, as the process itself must not be what is measured. */
const FLOOD_CALLS = 10;
const FLOOD_PAUSE_MS = 500;
const CALL_MS_MAX = 10_000;
const GRPC_PREFIX_BYTES = 5;
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export class CrowdCounts {
  connected = 0;
  closed = 0;
  readonly calls: Record<string, number> = {};

  onCall(status: string): void {
    this.calls[status] = (this.calls[status] ?? 0) + 1;
  }
}

export class CrowdClient {
  readonly counts: CrowdCounts;
  readonly token: string;
  readonly #host: string;
  readonly #port: number;
  readonly #secureContext: SecureContext;

  constructor(token: string, secureContext: SecureContext, address: string, counts: CrowdCounts) {
    const [host = '', port = ''] = address.split(':');
    this.counts = counts;
    this.token = token;
    this.#host = host;
    this.#port = Number(port);
    this.#secureContext = secureContext;
  }

  tcp(): Socket {
    return this.#counted(connectTcp({ host: this.#host, port: this.#port }));
  }

  tls(): Socket {
    return this.#counted(connectTls({ host: this.#host, port: this.#port, secureContext: this.#secureContext, ALPNProtocols: ['h2'] }));
  }

  /** Makes calls on one connection, `inFlight` at a time, until the node closes it. */
  async call(method: string, headers: Readonly<Record<string, string>>, message: Buffer, inFlight: number): Promise<void> {
    const session = connectHttp2('https://node', { createConnection: () => this.tls() }).on('error', () => undefined);
    const ended = once(session, 'close').catch(() => undefined);
    await Promise.all(
      Array.from({ length: inFlight }, async () => {
        while (!session.destroyed && !session.closed) {
          const path = `/jobraft.v1.${method}`;
          const stream = session.request({
            ':method': 'POST',
            ':path': path,
            'content-type': 'application/grpc',
            te: 'trailers',
            ...headers,
          });
          this.counts.onCall(await statusOf(stream, message));
          await sleep(FLOOD_PAUSE_MS);
        }
      }),
    );
    await ended;
  }

  #counted<Of extends Socket>(socket: Of): Of {
    socket.on('error', () => undefined);
    socket.once('connect', () => {
      this.counts.connected += 1;
    });
    socket.once('close', () => {
      this.counts.closed += 1;
    });
    return socket;
  }
}

async function statusOf(stream: ReturnType<ReturnType<typeof connectHttp2>['request']>, message: Buffer): Promise<string> {
  let status = '-1';
  const read = (headers: object): void => {
    if ('grpc-status' in headers) status = String(headers['grpc-status']);
  };
  stream
    .on('error', () => undefined)
    .on('response', read)
    .on('trailers', read)
    .resume();
  stream.setTimeout(CALL_MS_MAX, () => stream.close(constants.NGHTTP2_CANCEL));
  const ended = once(stream, 'close').catch(() => undefined);
  stream.end(message);
  await ended;
  return status;
}

/** For all clients of the process: each of its own would cost more than its connection. */
export const secureContextOf = ({ tls }: CrowdTask): SecureContext =>
  createSecureContext({ ca: readFileSync(tls.ca), cert: readFileSync(tls.certificate), key: readFileSync(tls.key) });

/** A message as gRPC has it. */
function framed(bytes: Buffer, length = bytes.length): Buffer {
  const prefix = Buffer.alloc(GRPC_PREFIX_BYTES);
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, bytes]);
}

const ended = async (socket: Socket): Promise<void> => {
  if (!socket.closed) await once(socket, 'close').catch(() => undefined);
};

/** AddRequest of proto/jobraft.proto: queue and name. */
const ADD = Buffer.from('\x0a\x05crowd\x12\x03job', 'latin1');

export const MISBEHAVIOURS: Readonly<Record<string, Misbehaviour>> = {
  'connects, and says nothing': async (client) => await ended(client.tls().resume()),
  'connects without TLS, and says nothing': async (client) => await ended(client.tcp().resume()),
  'sends garbage in place of TLS': async (client) => {
    const socket = client.tcp().resume();
    socket.write(randomBytes(GARBAGE_BYTES));
    await ended(socket);
  },
  'sends garbage in place of HTTP/2': async (client) => {
    const socket = client.tls().resume();
    socket.write(randomBytes(GARBAGE_BYTES));
    await ended(socket);
  },
  'sends half of a frame': async (client) => {
    const socket = client.tls().resume();
    socket.write(Buffer.concat([Buffer.from(PREFACE, 'latin1'), Buffer.from([0, 0x40, 0, 1, 4])]));
    await ended(socket);
  },
  'calls without a token': async (client) => await client.call('Cluster/GetStatus', {}, framed(Buffer.alloc(0)), 1),
  'adds more than it may': async (client) =>
    await client.call('Jobs/Add', { authorization: `Bearer ${client.token}` }, framed(ADD), FLOOD_CALLS),
  'calls what its role does not permit': async (client) =>
    await client.call('Cluster/TransferLeadership', { authorization: `Bearer ${client.token}` }, framed(Buffer.alloc(0)), 1),
  'announces a message of a GiB': async (client) =>
    await client.call('Jobs/Add', { authorization: `Bearer ${client.token}` }, framed(CHUNK, HUGE_BYTES), 1),
};

/** Again and again, whatever the node does. */
export async function misbehave(client: CrowdClient, misbehaviour: Misbehaviour): Promise<never> {
  for (;;) {
    await misbehaviour(client);
    await sleep(AGAIN_MS);
  }
}
