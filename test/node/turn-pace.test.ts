import { describe, expect, it } from 'vitest';
import { TurnPace } from '../../src/node/turn-pace.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { RAFT_DEFAULTS } from '../../src/raft/config.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import { NodeTable } from './node-table.ts';

const { heartbeatMs } = RAFT_DEFAULTS;
const PACKETS = 30;

function aTable(storageOf?: ConstructorParameters<typeof NodeTable>[3]): { table: NodeTable; leader: number; client: number } {
  const table = new NodeTable([2, 2, 2], { entryBytesMax: 1 }, {}, storageOf);
  const leader = table.leader();
  const client = table.open();
  table.awaitEqual();
  return { table, leader, client };
}

/** When the leader sent something to each follower during its next turn, and when the turn ended. */
function sentInOneTurn(table: NodeTable, leader: number): { readonly times: readonly number[][]; readonly endedMs: number } {
  table.sent.length = 0;
  table.node(leader).turn();
  const followers = table.ids.filter((id) => id !== leader);
  return { times: followers.map((id) => table.sent.filter(({ to }) => to === id).map(({ atMs }) => atMs)), endedMs: table.nowMs };
}

const gapsOf = (times: readonly number[]): number[] => times.slice(1).map((time, at) => time - (times[at] ?? time));

describe('a leader whose turn takes many heartbeats', () => {
  it('sends something to each follower between the parts of the turn', () => {
    const { table, leader, client } = aTable();
    for (let packet = 0; packet < PACKETS; packet += 1) table.submitAdd(client, 100);
    const beganMs = table.nowMs;
    // Like a processor shared with many others: each packet, and each entry, takes long.
    table.lookMs.set(leader, heartbeatMs / 4);
    const { times, endedMs } = sentInOneTurn(table, leader);
    expect(endedMs - beganMs).toBeGreaterThan(5 * heartbeatMs);
    for (const toOne of times) {
      expect(toOne.length).toBeGreaterThan(5);
      expect(Math.max(...gapsOf([beganMs, ...toOne, endedMs]))).toBeLessThanOrEqual(heartbeatMs);
    }
  });

  it('does not step down before it has read the messages that arrived meanwhile', () => {
    const { table, leader, client } = aTable();
    const view = table.node(leader).view;
    const { term } = view;
    for (let turns = 0; turns < 4; turns += 1) {
      for (let packet = 0; packet < PACKETS; packet += 1) table.submitAdd(client, 100);
      table.lookMs.set(leader, heartbeatMs / 4);
      table.node(leader).turn();
      table.lookMs.delete(leader);
      table.deliver();
      for (const id of table.ids) if (id !== leader) table.node(id).turn();
      table.deliver();
    }
    expect([view.role, view.term]).toEqual(['leader', term]);
  });

  it('sends one frame to each in a short turn', () => {
    const { table, leader, client } = aTable();
    for (let packet = 0; packet < PACKETS; packet += 1) table.submitAdd(client, 100);
    expect(sentInOneTurn(table, leader).times.map((toOne) => toOne.length)).toEqual([1, 1]);
  });
});

describe('a leader that writes a large checkpoint', () => {
  it('sends something to each follower between the parts of it', () => {
    let leading = 0;
    const gaps: number[] = [];
    let tookMs = 0;
    const { table, leader, client } = aTable((disk, id) => {
      const storage = openMemoryStorage({ recordKinds: RECORD_KINDS, disk });
      const persist = storage.persist.bind(storage);
      storage.persist = (batch) => {
        const { checkpoint, ...rest } = batch;
        if (id !== leading || checkpoint === undefined) return persist(batch);
        const beganMs = table.nowMs;
        table.sent.length = 0;
        persist({ ...rest, checkpoint: { ...checkpoint, changes: slowly(checkpoint.changes) } });
        tookMs = table.nowMs - beganMs;
        for (const follower of table.ids.filter((other) => other !== id)) {
          const times = table.sent.filter(({ from, to }) => from === id && to === follower).map(({ atMs }) => atMs);
          gaps.push(...gapsOf([beganMs, ...times, table.nowMs]));
        }
      };
      return storage;
    });
    leading = leader;
    /** Like a processor shared with many others. */
    function* slowly<Item>(items: Iterable<Item>): Generator<Item> {
      for (const item of items) {
        table.nowMs += heartbeatMs / 64;
        yield item;
      }
    }
    // Large enough for records of their own, and altogether for a checkpoint.
    for (let round = 0; round < 100 && tookMs === 0; round += 1) {
      for (let job = 0; job < 100; job += 1) table.submitAdd(client, 2_500);
      table.pass(10);
    }
    expect(tookMs).toBeGreaterThan(5 * heartbeatMs);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(heartbeatMs);
  });
});

describe('a follower that is blocked by a write', () => {
  it('does not count that time as silence of its leader', () => {
    let onWritten = (): void => undefined;
    const { table, leader, client } = aTable((disk) => {
      const storage = openMemoryStorage({ recordKinds: RECORD_KINDS, disk });
      const persist = storage.persist.bind(storage);
      storage.persist = (batch) => {
        persist(batch);
        onWritten();
      };
      return storage;
    });
    const follower = table.node(table.ids.find((id) => id !== leader) as number);
    table.submitAdd(client);
    table.node(leader).turn();
    table.deliver();
    const stuckMs = 2 * heartbeatMs;
    onWritten = () => {
      table.nowMs += stuckMs;
    };
    follower.turn();
    const electionDueMs = (): number => follower.view.electionTimer?.dueMs ?? 0;
    const dueMs = electionDueMs();
    follower.turn();
    expect(electionDueMs() - dueMs).toBe(stuckMs);
    expect(follower.view.role).toBe('follower');
  });
});

describe('the pace of turns', () => {
  it('counts the time of a turn, and how late the next one begins', () => {
    const pace = new TurnPace(80, 0);
    expect(pace.onTurn(0)).toBe(0);
    pace.onTurnEnd(30, 100);
    // Something arrived, and woke it before the deadline.
    expect(pace.onTurn(90)).toBe(30);
    pace.onTurnEnd(90, 200);
    expect(pace.onTurn(250)).toBe(50);
    // The next turn was due while this one ran.
    pace.onTurnEnd(290, 260);
    expect(pace.onTurn(310)).toBe(60);
  });

  it('ignores delays that are short compared to a heartbeat', () => {
    const pace = new TurnPace(80, 0);
    pace.onTurn(0);
    pace.onTurnEnd(9, 100);
    expect(pace.onTurn(20)).toBe(0);
  });

  it('ends a part after a quarter of a heartbeat', () => {
    const pace = new TurnPace(80, 0);
    pace.onTurn(100);
    expect([119, 120, 139, 140].map((nowMs) => pace.isPartOver(nowMs))).toEqual([false, true, false, true]);
  });
});
