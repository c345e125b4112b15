import { describe, expect, it } from 'vitest';
import { packetOf } from '../../src/client/delivery/connection.ts';
import { ClientInbox } from '../../src/node/client-inbox.ts';
import { NodeTable } from './node-table.ts';

const MEBIBYTE = 1024 * 1024;

/** A packet that contains its number. */
function aPacket(number: number, bytes = 8): Uint8Array {
  const packet = new Uint8Array(bytes);
  new DataView(packet.buffer).setUint32(0, number);
  return packet;
}

/** Reads one turn's input. @returns it as "client/number", or "client gone". */
function turnOf(inbox: ClientInbox): string[] {
  const read: string[] = [];
  inbox.read({
    onPacket: (connection, packet) => read.push(`${connection}/${new DataView(packet.buffer).getUint32(0)}`),
    onGone: (connection) => read.push(`${connection} gone`),
  });
  return read;
}

function send(inbox: ClientInbox, connection: number, count: number, bytes?: number): void {
  for (let number = 0; number < count; number += 1) inbox.add(connection, aPacket(number, bytes));
}

const countOf = (read: readonly string[], connection: number): number => read.filter((each) => each.startsWith(`${connection}/`)).length;

describe('the input of clients', () => {
  it('is read in rotation, one packet of each', () => {
    const inbox = new ClientInbox(16 * MEBIBYTE);
    send(inbox, 1, 4);
    send(inbox, 2, 1);
    send(inbox, 3, 2);
    expect(turnOf(inbox)).toEqual(['1/0', '2/0', '3/0', '1/1', '3/1', '1/2', '1/3']);
    expect(inbox.isEmpty).toBe(true);
  });

  it('is read up to a share of each, in packets, and the rest in later turns, in order', () => {
    const inbox = new ClientInbox(16 * MEBIBYTE);
    send(inbox, 1, 600);
    send(inbox, 2, 3);
    const read: string[][] = [];
    while (!inbox.isEmpty) read.push(turnOf(inbox));
    expect(read.map((turn) => [countOf(turn, 1), countOf(turn, 2)])).toEqual([
      [256, 3],
      [256, 0],
      [88, 0],
    ]);
    expect(read.flat().filter((each) => each.startsWith('1/'))).toEqual(Array.from({ length: 600 }, (_, number) => `1/${number}`));
  });

  it('is read up to a share of each, in bytes', () => {
    const inbox = new ClientInbox(8 * MEBIBYTE);
    send(inbox, 1, 10, MEBIBYTE);
    expect([turnOf(inbox).length, turnOf(inbox).length, turnOf(inbox).length]).toEqual([4, 4, 2]);
    expect(inbox.isEmpty).toBe(true);
  });

  it('is read alone when it is larger than a share', () => {
    const inbox = new ClientInbox(16 * MEBIBYTE);
    send(inbox, 1, 2, 20 * MEBIBYTE);
    expect([turnOf(inbox), turnOf(inbox)]).toEqual([['1/0'], ['1/1']]);
  });

  it('is read up to a bound for all together, and the least served clients come first in the next turn', () => {
    const inbox = new ClientInbox(16 * MEBIBYTE);
    for (let connection = 1; connection <= 24; connection += 1) send(inbox, connection, 1, MEBIBYTE);
    send(inbox, 1, 2, MEBIBYTE);
    const first = turnOf(inbox);
    const second = turnOf(inbox);
    expect(first).toHaveLength(16);
    expect(second.slice(0, 8)).toEqual(Array.from({ length: 8 }, (_, at) => `${17 + at}/0`));
    expect(inbox.isEmpty).toBe(true);
  });

  it('is read before the end of its channel, although that takes several turns', () => {
    const inbox = new ClientInbox(16 * MEBIBYTE);
    send(inbox, 1, 300);
    inbox.addGone(1);
    inbox.addGone(2);
    expect(turnOf(inbox)).toContain('2 gone');
    expect(turnOf(inbox).slice(-2)).toEqual(['1/299', '1 gone']);
    expect(inbox.isEmpty).toBe(true);
  });
});

describe('a node', () => {
  it('replies to a client beside one that sends without pause, and has its next turn at once', () => {
    const table = new NodeTable([2]);
    const leader = table.node(table.leader());
    table.pass(100);
    table.replies.length = 0;
    for (let call = 1; call <= 1_000; call += 1) leader.receiveClientPacket(8, packetOf({ type: 'status', call }));
    leader.receiveClientPacket(9, packetOf({ type: 'status', call: 5_000 }));
    leader.turn();
    expect(table.replies).toHaveLength(257);
    expect(table.replies).toContainEqual(expect.objectContaining({ type: 'status', call: 5_000 }));
    expect(leader.hasMore).toBe(true);
    expect(leader.nextDeadlineMs).toBeLessThanOrEqual(table.nowMs);
    for (let turns = 0; turns < 3; turns += 1) leader.turn();
    expect(leader.hasMore).toBe(false);
    expect(table.replies).toHaveLength(1_001);
  });
});
