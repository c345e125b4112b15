import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A Unix socket of a shared folder. */
export interface FolderSocket {
  readonly path: string;
  /** The first frame of a client that is right. */
  readonly greeting: object;
}

/** A client of a Unix socket that no client of this package is. */
export interface SocketClient {
  readonly name: string;
  /** @returns what the other side did about it. */
  behave(socket: FolderSocket): Promise<string>;
}

const MIB = 1024 * 1024;
/** Longer than a channel may be open without its first frame. */
const ANSWER_MS_MAX = 8_000;
const IDLE_CONNECTIONS = 1_000;
const IDLE_MS = 10_000;
const LENGTH_BYTES = 4;
const LENGTH_MAX = 2 ** 32 - 1;
const FRAMES = 100;
/** As in `src/transport/handshake.ts`; another one is not welcome. */
const PROTOCOL = 1;
/** No process of the soak has this one. */
const HOLDER = 1;

/** Those of the process that hosts the nodes, and of each node. */
export const socketsOf = (dataDir: string, nodes: readonly number[]): readonly FolderSocket[] => [
  {
    path: join(dataDir, 'sockets', 'host.sock'),
    greeting: { protocol: PROTOCOL, pid: process.pid, holder: HOLDER, nodes, durability: 'full' },
  },
  ...nodes.map((node) => ({
    path: join(dataDir, 'sockets', `node-${node}.sock`),
    greeting: { protocol: PROTOCOL, node, cluster: 0 },
  })),
];

/** The length of a frame, before it. */
function lengthOf(frameBytes: number): Buffer {
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(frameBytes);
  return length;
}

const framed = (frame: Buffer): Buffer => Buffer.concat([lengthOf(frame.length), frame]);

const dial = ({ path }: FolderSocket): Socket => connect({ path }).on('error', () => undefined);

/** An error is no failure: the other side may close it while this one writes. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => void socket.once('close', () => resolve()));

async function sent(socket: Socket, bytes: Buffer): Promise<string> {
  socket.resume().write(bytes);
  const isClosed = await Promise.race([closed(socket).then(() => true), sleep(ANSWER_MS_MAX, false, { ref: false })]);
  socket.destroy();
  return isClosed ? 'closed' : `open after ${ANSWER_MS_MAX / 1_000} s`;
}

/** The same after a greeting that is right. @throws when it is not welcome. */
async function sentAfterGreeting(folderSocket: FolderSocket, bytes: Buffer): Promise<string> {
  const socket = dial(folderSocket);
  socket.write(framed(Buffer.from(JSON.stringify(folderSocket.greeting))));
  const [welcome] = (await once(socket, 'data')) as [Buffer];
  if (!welcome.subarray(LENGTH_BYTES).toString().startsWith('{"welcome"')) return `the greeting was rejected: ${welcome}`;
  return await sent(socket, bytes);
}

async function stayIdle(folderSocket: FolderSocket): Promise<string> {
  const sockets = Array.from({ length: IDLE_CONNECTIONS }, () => dial(folderSocket).resume());
  try {
    await sleep(IDLE_MS);
    return `${sockets.filter(({ destroyed, connecting }) => !destroyed && !connecting).length} of ${IDLE_CONNECTIONS} open after ${IDLE_MS / 1_000} s`;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

const randomFrames = (): Buffer => Buffer.concat(Array.from({ length: FRAMES }, (_, at) => framed(randomBytes(at * at))));

export const SOCKET_CLIENTS: readonly SocketClient[] = [
  { name: 'Unix socket: 1 MiB of random bytes', behave: (socket) => sent(dial(socket), randomBytes(MIB)) },
  { name: 'Unix socket: half a frame', behave: (socket) => sent(dial(socket), Buffer.concat([lengthOf(1_000), randomBytes(500)])) },
  {
    name: 'Unix socket: a frame that is to have 4 GiB',
    behave: (socket) => sent(dial(socket), Buffer.concat([lengthOf(LENGTH_MAX), Buffer.alloc(MIB)])),
  },
  {
    name: 'Unix socket: a greeting of another program',
    behave: (socket) => sent(dial(socket), framed(Buffer.from('{"node":-1,"cluster":"x"}'))),
  },
  { name: 'Unix socket: random frames after a greeting', behave: (socket) => sentAfterGreeting(socket, randomFrames()) },
  {
    name: 'Unix socket: a frame that is to have 4 GiB, after a greeting',
    behave: (socket) => sentAfterGreeting(socket, Buffer.concat([lengthOf(LENGTH_MAX), Buffer.alloc(MIB)])),
  },
  { name: `Unix socket: ${IDLE_CONNECTIONS} idle connections`, behave: stayIdle },
];
