import { describe, expect, it } from 'vitest';
import { packetOf } from '../../src/client/delivery/connection.ts';
import { EVENTS_VERSION, MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { decodeReply, type OperationResult } from '../../src/protocol/reply.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { CONNECTION } from './node-group.ts';
import { NodeTable } from './node-table.ts';

const VERSIONS = [MACHINE_VERSION, MACHINE_VERSION, MACHINE_VERSION];
const READER = 77;
const WAIT_MS = 5_000;

/** Three nodes, a client with a session, and readers of the events of its queue. */
class Readers extends NodeTable {
  readonly client: number;
  recording = 0;

  constructor(versions = VERSIONS, limits = {}) {
    super(versions, limits);
    this.client = this.open();
  }

  subscribe(ttlMs = 60_000): void {
    const [result] = this.request(this.client, (to) => to.command('subscribeEvents', { queue: 'q', ttlMs }));
    if (!result?.ok || result.type !== 'subscribed') throw new Error(`the subscription got ${JSON.stringify(result)}`);
    this.recording = result.recording;
  }

  /** Sends a read to a node. */
  read(node: number, sequence: number, afterId = 0, waitMs = WAIT_MS): void {
    const encoder = new RequestEncoder();
    encoder.begin(READER, sequence, 1);
    encoder.command('readEvents', { queue: 'q', recording: this.recording, afterId, countMax: 100, waitMs });
    const frame = { type: 'query', consistency: 'linearizable', request: encoder.finish() } as const;
    this.node(node).receiveClientPacket(CONNECTION, packetOf(frame));
  }

  replyTo(sequence: number): OperationResult | undefined {
    for (const frame of this.replies) {
      if (frame.type !== 'reply') continue;
      const reply = decodeReply(frame.reply);
      if (reply.client === READER && reply.sequence === sequence) return reply.results[0];
    }
    return undefined;
  }

  get logged(): number {
    return this.node(this.leader()).view.log.lastIndex;
  }
}

describe('a read of events', () => {
  it('waits at any node, without an entry in the log, and is answered when an event is applied there', () => {
    const nodes = new Readers();
    nodes.subscribe();
    for (const node of nodes.ids) nodes.read(node, node);
    nodes.pass(1_000);
    const before = nodes.logged;
    nodes.pass(WAIT_MS - 2_000);
    expect(nodes.logged).toBe(before);
    expect(nodes.ids.map((node) => nodes.replyTo(node))).toEqual([undefined, undefined, undefined]);
    nodes.add(nodes.client);
    nodes.pass(200);
    for (const node of nodes.ids) expect(nodes.replyTo(node)).toMatchObject({ type: 'events', count: 2, last: 2, isLost: false });
  });

  it('is answered without events after its time, and at once if there are some', () => {
    const nodes = new Readers();
    nodes.subscribe();
    nodes.read(nodes.leader(), 1);
    nodes.pass(WAIT_MS + 100);
    expect(nodes.replyTo(1)).toMatchObject({ type: 'events', count: 0, last: 0, isLost: false });
    nodes.add(nodes.client);
    nodes.read(nodes.leader(), 2);
    nodes.pass(100);
    expect(nodes.replyTo(2)).toMatchObject({ count: 2 });
  });

  it('goes on at a node that does not lead any more', () => {
    const nodes = new Readers();
    nodes.subscribe();
    const old = nodes.leader();
    nodes.read(old, 1);
    nodes.pass(100);
    nodes.transfer((old % nodes.ids.length) + 1);
    expect(nodes.leader()).not.toBe(old);
    nodes.add(nodes.client);
    nodes.pass(200);
    expect(nodes.replyTo(1)).toMatchObject({ count: 2, isLost: false });
  });

  it('ends when the recording does, which needs no request', () => {
    const nodes = new Readers();
    nodes.subscribe(1_000);
    nodes.read(nodes.leader(), 1);
    nodes.pass(2_000);
    expect(nodes.replyTo(1)).toMatchObject({ isLost: true, recording: 0 });
    expect(nodes.node(nodes.leader()).machine.queueNames()).toEqual([]);
  });

  it('is dropped with its channel, and when its client cancels it', () => {
    const nodes = new Readers();
    nodes.subscribe();
    const leader = nodes.leader();
    nodes.read(leader, 1);
    nodes.pass(100);
    nodes.node(leader).receiveClientPacket(CONNECTION, packetOf({ type: 'cancel-claim', client: READER, sequence: 1 }));
    nodes.read(leader, 2);
    nodes.pass(100);
    nodes.node(leader).clientGone(CONNECTION);
    nodes.pass(WAIT_MS + 100);
    expect([nodes.replyTo(1), nodes.replyTo(2)]).toEqual([undefined, undefined]);
  });

  it('beyond the bound of those that wait must be sent again later', () => {
    const nodes = new Readers(VERSIONS, { parkedClaimsMax: 1 });
    nodes.subscribe();
    nodes.read(nodes.leader(), 1);
    nodes.read(nodes.leader(), 2);
    nodes.pass(100);
    expect(nodes.replies.find((frame) => frame.type === 'rejected')).toMatchObject({
      ...{ client: READER, sequence: 2, code: 'RETRY_LATER', outcome: 'not-applied', retryAfterMs: 1_000 },
    });
  });

  it('is woken at a node that gets the events in a snapshot', () => {
    const nodes = new Readers(VERSIONS, { tailEntries: 2, checkpointEntries: 5, followerTailBytes: 1 });
    nodes.subscribe();
    const behind = nodes.ids.find((id) => id !== nodes.leader()) ?? 0;
    nodes.read(behind, 1, 0, 60_000);
    nodes.pass(200);
    nodes.isolated.add(behind);
    for (let added = 0; added < 40; added += 1) nodes.add(nodes.client);
    nodes.pass(12_000);
    expect(nodes.replyTo(1)).toBeUndefined();
    nodes.isolated.delete(behind);
    nodes.awaitEqual();
    nodes.pass(100);
    expect(nodes.events.some(({ type, node }) => type === 'snapshot-installed' && node === behind)).toBe(true);
    const reply = nodes.replyTo(1);
    expect(reply).toMatchObject({ type: 'events', isLost: false });
    expect(reply?.ok === true && reply.type === 'events' ? reply.count : 0).toBeGreaterThan(10);
  });
});

describe('a subscription', () => {
  it('waits until all members have a release with events', () => {
    const nodes = new Readers([MACHINE_VERSION, MACHINE_VERSION, EVENTS_VERSION - 1]);
    expect(() => nodes.subscribe()).toThrow('"code":"VERSION"');
  });
});
