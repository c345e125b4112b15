import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lifeOf } from '../../src/base/generation.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { ServerFrame } from '../../src/protocol/client-frame.ts';
import { COUNTER_RECORD_KINDS, type CounterMachine, openCounter } from '../../src/sim/counter/counter-machine.ts';
import { CounterCode, type CounterOperation, counterRequest, readCounterReply } from '../../src/sim/counter/counter-request.ts';
import type { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { openSqliteStorage } from '../../src/storage/sqlite-storage.ts';
import { CONNECTION, type GroupMachine, type GroupOptions, NodeGroup } from './node-group.ts';

const CLIENT = 7;
const ADD_5: CounterOperation = { code: CounterCode.add, amount: 5 };
const INCREMENT: CounterOperation = { code: CounterCode.increment, amount: 1 };
const READ: CounterOperation = { code: CounterCode.read, amount: 0 };
const COUNTER: GroupMachine<CounterMachine> = { recordKinds: COUNTER_RECORD_KINDS, open: (versionMax) => openCounter(versionMax) };

/** Nodes that run the counter instead of the job queue, and one client. */
class Counters extends NodeGroup<CounterMachine> {
  #sequence = 0;

  constructor(versions: readonly number[], options?: GroupOptions) {
    super(COUNTER, versions, options);
  }

  /** @returns the value behind the operation, or what the node replies instead. */
  change(operation: CounterOperation, at = this.leader()): number | ServerFrame {
    this.#sequence += 1;
    const sequence = this.#sequence;
    return this.repeat(sequence, operation, at);
  }

  repeat(sequence: number, operation: CounterOperation, at: number): number | ServerFrame {
    return this.#ask(sequence, at, { type: 'request', request: counterRequest(CLIENT, sequence, operation) });
  }

  read(at: number): number | ServerFrame {
    this.#sequence += 1;
    const request = counterRequest(CLIENT, this.#sequence, READ);
    return this.#ask(this.#sequence, at, { type: 'query', consistency: 'linearizable', request });
  }

  get latestSequence(): number {
    return this.#sequence;
  }

  values(): number[] {
    return this.ids.filter((id) => !this.isolated.has(id)).map((id) => this.node(id).machine.value);
  }

  #ask(sequence: number, at: number, frame: Parameters<typeof packetOf>[0]): number | ServerFrame {
    const before = this.replies.length;
    this.node(at).receiveClientPacket(CONNECTION, packetOf(frame));
    const find = (): ServerFrame | undefined =>
      this.replies.slice(before).find((reply) => {
        if (reply.type === 'rejected') return reply.sequence === sequence;
        return reply.type === 'reply' && readCounterReply(reply.reply).sequence === sequence;
      });
    this.passUntil('a reply', () => find() !== undefined);
    const reply = find() as ServerFrame;
    return reply.type === 'reply' ? (readCounterReply(reply.reply).value ?? -1) : reply;
  }
}

/** Each opening of a node's file closes the one before. */
function sqliteFiles(): (disk: MemoryDisk, node: number) => NodeStorage {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-counter-'));
  const open = new Map<number, NodeStorage>();
  let lives = 0;
  onTestFinished(() => {
    for (const storage of open.values()) storage[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });
  return (_disk, node) => {
    open.get(node)?.[Symbol.dispose]();
    lives += 1;
    const storage = openSqliteStorage({
      file: join(folder, `node-${node}`, 'jobraft.db'),
      recordKinds: COUNTER_RECORD_KINDS,
      durability: 'full',
      newDiskId: node,
      origin: { cluster: 4711, founders: [1, 2, 3].map((each) => ({ node: each, disk: each })) },
      life: lifeOf(lives),
    });
    open.set(node, storage);
    return storage;
  };
}

const STORAGES = [
  ['memory', () => (disk: MemoryDisk) => openMemoryStorage({ recordKinds: COUNTER_RECORD_KINDS, disk })],
  ['SQLite', sqliteFiles],
] as const;
/** A checkpoint every few entries, and nearly no log before it. */
const LIMITS = { checkpointEntries: 4, tailEntries: 1, snapshotChunkBytes: 1 };

describe.each(STORAGES)('a cluster that runs a counter, on %s', (_name, storageOf) => {
  it('has its value, and the replies that clients may repeat for, after all nodes restart', () => {
    const counters = new Counters([2, 2, 2], { limits: LIMITS, storageOf: storageOf() });
    for (let value = 5; value <= 50; value += 5) expect(counters.change(ADD_5)).toBe(value);
    expect(counters.node(counters.leader()).metrics.snapshot().checkpoints).toBeGreaterThan(0);
    for (const id of counters.ids) counters.start(id, 2);
    counters.awaitEqual();
    expect(counters.values()).toEqual([50, 50, 50]);
    expect(counters.digests().size).toBe(1);
    expect(counters.repeat(counters.latestSequence, ADD_5, counters.leader())).toBe(50);
    expect(counters.change(INCREMENT)).toBe(51);
  });

  it('sends a snapshot to a follower that is far behind', () => {
    const counters = new Counters([2, 2, 2], { limits: LIMITS, raft: { inflightBytesMax: 1 }, storageOf: storageOf() });
    counters.change(INCREMENT);
    const leader = counters.leader();
    const behind = counters.ids.find((id) => id !== leader) ?? 0;
    counters.isolated.add(behind);
    counters.node(leader).peerLost(counters.node(behind).view.id);
    // Nothing is kept for a follower that is silent for so long.
    counters.pass(11_000);
    for (let added = 0; added < 40; added += 1) counters.change(ADD_5);
    expect(counters.node(leader).view.log.compacted.index).toBeGreaterThan(counters.node(behind).view.log.lastIndex);
    counters.isolated.delete(behind);
    counters.awaitEqual();
    expect(counters.node(behind).view.log.firstIndex).toBeGreaterThan(20);
    expect(counters.values()).toEqual([201, 201, 201]);
    expect(counters.digests().size).toBe(1);
  });
});

describe('a counter', () => {
  it('is read at any node, as it is once the read began', () => {
    const counters = new Counters([2, 2, 2]);
    counters.change(ADD_5);
    for (const id of counters.ids) expect(counters.read(id)).toBe(5);
  });

  it('executes a request once, also when a follower forwards it again', () => {
    const counters = new Counters([2, 2, 2]);
    counters.change(ADD_5);
    const follower = counters.ids.find((id) => id !== counters.leader()) ?? 0;
    expect(counters.repeat(counters.latestSequence, ADD_5, follower)).toBe(5);
    expect(counters.change(INCREMENT, follower)).toBe(6);
  });

  it('has the operation of its second version once every member has that version', () => {
    const counters = new Counters([2, 1, 2]);
    expect(counters.change(INCREMENT)).toBe(1);
    expect(counters.change(ADD_5)).toMatchObject({ code: 'VERSION', message: expect.stringContaining('upgrade the others') });
    counters.start(2, 2);
    counters.passUntil('the move', () => counters.node(counters.leader()).machine.version === 2);
    expect(counters.change(ADD_5)).toBe(6);
    counters.awaitEqual();
    expect(counters.digests().size).toBe(1);
  });

  it('rejects a request that is malformed, and applies none', () => {
    const counters = new Counters([2]);
    expect(counters.change({ code: 9, amount: 0 })).toMatchObject({ type: 'rejected', code: 'INVALID_REQUEST', outcome: 'not-applied' });
    expect(counters.values()).toEqual([0]);
  });
});
