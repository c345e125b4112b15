import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HandshakeQueue } from '../../src/transport/grpc/handshake-queue.ts';

const NEVER_MS = 600_000;

describe('handshakes', () => {
  let server: Server;
  let queue: HandshakeQueue;
  let begun: Socket[];
  let onBegin: (socket: Socket) => void;
  const clients: Socket[] = [];

  beforeEach(() => {
    begun = [];
    onBegin = () => undefined;
  });
  afterEach(async () => {
    queue[Symbol.dispose]();
    for (const socket of [...clients.splice(0), ...begun]) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  async function listen(silenceMsMax: number): Promise<void> {
    queue = new HandshakeQueue({
      silenceMsMax,
      begin: (socket) => {
        begun.push(socket);
        onBegin(socket);
      },
    });
    server = createServer((socket) => queue.add(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  }

  async function aClient(first = ''): Promise<Socket> {
    const address = server.address();
    const client = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
    client.on('error', () => undefined);
    clients.push(client);
    await once(client, 'connect');
    if (first !== '') client.write(first);
    return client;
  }

  const begins = (count: number): Promise<void> =>
    new Promise((resolve) => {
      onBegin = () => {
        if (begun.length === count) resolve();
      };
    });

  it('begin one in a round of the event loop, with the bytes that have arrived', async () => {
    await listen(NEVER_MS);
    const all = begins(20);
    const rounds: number[] = [];
    let round = 0;
    const count = (): void => {
      round += 1;
      if (begun.length < 20) setImmediate(count);
    };
    setImmediate(count);
    const former = onBegin;
    onBegin = (socket) => {
      rounds.push(round);
      former(socket);
    };
    await Promise.all(Array.from({ length: 20 }, (_, n) => aClient(`hello ${n}`)));
    await all;
    expect(new Set(rounds).size).toBe(20);
    expect(begun.map((socket) => String(socket.read())).toSorted()).toEqual(Array.from({ length: 20 }, (_, n) => `hello ${n}`).toSorted());
  });

  it('of a client that says nothing do not begin, and delay no other; it is closed after a while', async () => {
    await listen(50);
    const silent = await aClient();
    const all = begins(1);
    const other = await aClient('hello');
    await all;
    if (!silent.closed) await once(silent.resume(), 'close');
    expect(begun).toHaveLength(1);
    expect(other.destroyed).toBe(false);
  });

  it('of a client that has gone meanwhile do not begin', async () => {
    await listen(NEVER_MS);
    const gone = await aClient();
    gone.destroy();
    const all = begins(1);
    await aClient('hello');
    await all;
    expect(begun).toHaveLength(1);
  });
});
