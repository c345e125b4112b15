import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freeAddresses } from '../../eval/processes/free-addresses.ts';
import { Links } from '../../eval/processes/links.ts';

/** Replies with what it receives. */
async function echoAt(address: string): Promise<Server> {
  const server = createServer((socket) => void socket.on('error', () => undefined).pipe(socket));
  await once(server.listen(Number(address.split(':')[1]), '127.0.0.1'), 'listening');
  return server;
}

function dial(address: string | undefined): Socket {
  const [host = '', port] = (address ?? '').split(':');
  return connect({ host, port: Number(port) }).on('error', () => undefined);
}

async function received(socket: Socket, text: string): Promise<void> {
  let all = '';
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    all += String(chunk);
    if (all === text) return;
  }
  throw new Error(`It received ${JSON.stringify(all)}, not ${JSON.stringify(text)}.`);
}

describe('the links between node processes', () => {
  let addresses: ReadonlyMap<number, string>;
  let links: Links;
  let servers: readonly Server[];
  const sockets: Socket[] = [];
  const dialed = (from: number, to: number): Socket => {
    const socket = dial(links.addressesOf(from).get(to));
    sockets.push(socket);
    return socket;
  };

  beforeEach(async () => {
    const free = await freeAddresses(3);
    addresses = new Map(free.map((address, at) => [at + 1, address]));
    servers = await Promise.all(free.map(echoAt));
    links = await Links.open(addresses);
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await links[Symbol.asyncDispose]();
    for (const server of servers) server.close();
  });

  it('give each node its own address, and those of proxies for the others', () => {
    const known = links.addressesOf(2);
    expect(known.get(2)).toBe(addresses.get(2));
    expect(new Set([...known.values(), ...addresses.values()]).size).toBe(5);
  });

  it('pass nothing while a node is isolated, close nothing, and pass it afterwards', async () => {
    const [to, from, beside] = [dialed(1, 2), dialed(2, 3), dialed(1, 3)];
    for (const socket of [to, from, beside]) {
      socket.write('a');
      await received(socket, 'a');
    }
    links.isolate(2);
    const late = dialed(3, 2);
    let passed = 0;
    for (const socket of [to, from, late]) socket.on('data', () => (passed += 1)).write('b');
    beside.write('b');
    await received(beside, 'b');
    await sleep(50);
    expect(passed).toBe(0);
    expect([to, from, late].map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
    const arrived = Promise.all([to, from, late].map((socket) => once(socket, 'data')));
    links.heal();
    expect((await arrived).map(([chunk]) => String(chunk))).toEqual(['b', 'b', 'b']);
  });

  it('close a connection when its target closes it or is gone, but not while they are cut', async () => {
    const [one, other] = [dialed(1, 2), dialed(1, 3)];
    for (const socket of [one, other]) {
      socket.write('a');
      await received(socket, 'a');
    }
    const ended = once(other.resume(), 'close');
    const accepted = once(servers[1] as Server, 'connection') as Promise<[Socket]>;
    const third = dialed(3, 2);
    const [atTarget] = await accepted;
    links.isolate(2);
    atTarget.destroy();
    await sleep(50);
    expect(third.destroyed).toBe(false);
    const closed = once(third.resume(), 'close');
    links.heal();
    await closed;
    other.end();
    await ended;
  });
});
