import { describe, expect, it } from 'vitest';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { NodeRuntime } from '../../src/node/node-runtime.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import type { JobQueue } from '../../src/queue/job-queue.ts';
import { ClaimDelivery } from '../../src/queue/requests/claim-delivery.ts';
import { CONNECTION as TABLE_CONNECTION } from '../node/node-group.ts';
import { NodeTable } from '../node/node-table.ts';
import { claimOptions, TestQueue } from './harness.ts';

const CONNECTION = 9;
const HOUR_MS = 3_600_000;

function aTable(nodes: number): { readonly table: NodeTable; readonly client: number } {
  const table = new NodeTable(Array.from({ length: nodes }, () => 2));
  const client = table.open();
  return { table, client };
}

interface ClaimTerms {
  readonly waitMs?: number;
  readonly leaseMs?: number;
}

/** A request that claims three jobs. */
function aClaim(client: number, sequence: number, { waitMs = 0, leaseMs = HOUR_MS }: ClaimTerms = {}): Uint8Array {
  const encoder = new RequestEncoder();
  encoder.begin(client, sequence, 1);
  encoder.claim('q', claimOptions(3, leaseMs, { waitMs }));
  return encoder.finish();
}

/** Claims them on a channel of its own. @returns the sequence of the request. */
function claimAt(node: NodeRuntime<JobQueue>, table: NodeTable, client: number, terms?: ClaimTerms): number {
  const sequence = table.nextSequence();
  node.receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: aClaim(client, sequence, terms) }));
  return sequence;
}

/** A node that has answered a claim of one job on that channel. */
function aCompletedClaim() {
  const { table, client } = aTable(1);
  table.add(client);
  const leader = table.node(table.leader());
  const sequence = claimAt(leader, table, client);
  table.pass(200);
  expect(leader.machine.counts('q')).toMatchObject({ active: 1 });
  return { table, client, leader, sequence };
}

function expectWaiting(table: NodeTable, waiting: number): void {
  table.pass(500);
  table.awaitEqual();
  expect(table.digests().size).toBe(1);
  for (const id of table.ids) expect(table.node(id).machine.counts('q')).toMatchObject({ waiting, active: 0 });
}

describe('jobs of a claim whose client is gone before the reply', () => {
  it('are released by the leader, without a stall', () => {
    const { table, client } = aTable(1);
    const id = table.add(client);
    table.add(client);
    const leader = table.node(table.leader());
    claimAt(leader, table, client);
    leader.clientGone(CONNECTION);
    expectWaiting(table, 2);
    const [shown] = table.request(client, (to) => to.command('getJob', { jobId: id }));
    expect(shown).toMatchObject({ type: 'job', job: { state: 'waiting', attempt: 0, stalls: 0 } });
  });

  it('are released when the claim was already in the log', () => {
    const { table, client } = aTable(3);
    table.add(client);
    const leader = table.node(table.leader());
    claimAt(leader, table, client);
    leader.turn();
    leader.clientGone(CONNECTION);
    expectWaiting(table, 1);
  });

  it('are released by the leader when a follower had forwarded the claim', () => {
    const { table, client } = aTable(3);
    table.add(client);
    const follower = table.node(table.ids.find((id) => id !== table.leader()) ?? 0);
    claimAt(follower, table, client);
    follower.turn();
    follower.clientGone(CONNECTION);
    expectWaiting(table, 1);
  });

  it('are not taken at all when the claim was still waiting for them', () => {
    for (const isFollower of [false, true]) {
      const { table, client } = aTable(3);
      const leader = table.leader();
      const node = table.node(table.ids.find((id) => (id !== leader) === isFollower) ?? 0);
      claimAt(node, table, client, { waitMs: HOUR_MS });
      table.pass(100);
      node.clientGone(CONNECTION);
      table.pass(100);
      table.add(client);
      expectWaiting(table, 1);
    }
  });

  it('stay with a client that repeats the claim on another channel', () => {
    const { table, client } = aTable(1);
    table.add(client);
    const leader = table.node(table.leader());
    const sequence = claimAt(leader, table, client);
    leader.clientGone(CONNECTION);
    // The channel of the table: the reply goes there, whichever request comes first.
    const [claimed] = table.send(client, sequence, aClaim(client, sequence));
    expect(claimed).toMatchObject({ type: 'claimed', jobs: [{ attempt: 1 }] });
    table.pass(500);
    expect(leader.machine.counts('q')).toMatchObject({ waiting: 0, active: 1 });
  });

  it('are not changed by a node’s own request other than a release', () => {
    const { table, client } = aTable(2);
    const id = table.add(client);
    const leader = table.node(table.leader());
    const before = leader.view.log.lastIndex;
    const follower = table.ids.find((other) => other !== table.leader()) ?? 0;
    table.forward(follower, (to) => to.command('remove', { queue: 'q', jobId: id }));
    table.pass(200);
    expect(leader.view.log.lastIndex).toBe(before);
    expectWaiting(table, 1);
  });
});

describe('jobs of a claim whose reply was sent when the channel ended', () => {
  it('are released unless the client has acknowledged it', () => {
    const { table, leader } = aCompletedClaim();
    leader.clientGone(CONNECTION);
    expectWaiting(table, 1);
  });

  it('stay claimed once the client has acknowledged it', () => {
    const { table, client, leader, sequence } = aCompletedClaim();
    const encoder = new RequestEncoder();
    encoder.begin(client, table.nextSequence(), sequence + 1);
    encoder.command('counts', { queue: 'q' });
    leader.receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
    leader.clientGone(CONNECTION);
    table.pass(500);
    expect(leader.machine.counts('q')).toMatchObject({ waiting: 0, active: 1 });
  });
});

describe('jobs of a claim whose reply was sent on two channels', () => {
  /** Where the claim is sent first; then its client repeats it on the channel of the table, at the leader. */
  const PLACES = ['the leader', 'a follower'] as const;

  function aRepeatedClaim(place: (typeof PLACES)[number]) {
    const { table, client } = aTable(3);
    table.add(client);
    const leader = table.leader();
    const first = table.node(place === 'the leader' ? leader : (table.ids.find((id) => id !== leader) ?? 0));
    const sequence = claimAt(first, table, client);
    table.pass(200);
    const [claimed] = table.send(client, sequence, aClaim(client, sequence));
    expect(claimed).toMatchObject({ type: 'claimed', jobs: [{ attempt: 1 }] });
    return { table, client, sequence, first, leader: table.node(leader) };
  }

  function expectClaimed({ table, leader }: Pick<ReturnType<typeof aRepeatedClaim>, 'table' | 'leader'>): void {
    table.pass(500);
    expect(leader.machine.counts('q')).toMatchObject({ waiting: 0, active: 1 });
  }

  it.each(PLACES)('stay with their client when the first one, to %s, ends', (place) => {
    const setting = aRepeatedClaim(place);
    setting.first.clientGone(CONNECTION);
    expectClaimed(setting);
  });

  it.each(PLACES)('stay with it also when it has acknowledged the reply on the second one: the first, to %s, ends', (place) => {
    const setting = aRepeatedClaim(place);
    const { table, client, sequence, first } = setting;
    const encoder = new RequestEncoder();
    const next = table.nextSequence();
    encoder.begin(client, next, sequence + 1);
    encoder.command('counts', { queue: 'q' });
    table.send(client, next, encoder.finish());
    first.clientGone(CONNECTION);
    expectClaimed(setting);
  });

  it.each(PLACES)('stay with it when the second one ends, and the first, to %s, does not', (place) => {
    const setting = aRepeatedClaim(place);
    setting.leader.clientGone(TABLE_CONNECTION);
    expectClaimed(setting);
  });

  it.each(PLACES)('are released once both have ended, in either order: one is to %s', (place) => {
    for (const isFirstFirst of [true, false]) {
      const { table, first, leader } = aRepeatedClaim(place);
      const ends = [() => first.clientGone(CONNECTION), () => leader.clientGone(TABLE_CONNECTION)];
      for (const end of isFirstFirst ? ends : ends.reverse()) {
        end();
        table.pass(200);
      }
      expectWaiting(table, 1);
    }
  });

  it('stay with it when both are to one follower, and one ends', () => {
    const { table, client } = aTable(3);
    table.add(client);
    const follower = table.node(table.ids.find((id) => id !== table.leader()) ?? 0);
    const sequence = claimAt(follower, table, client);
    table.pass(200);
    follower.receiveClientPacket(CONNECTION + 1, packetOf({ type: 'request', request: aClaim(client, sequence) }));
    table.pass(200);
    follower.clientGone(CONNECTION);
    expectClaimed({ table, leader: table.node(table.leader()) });
    follower.clientGone(CONNECTION + 1);
    expectWaiting(table, 1);
  });

  it('stay with it when it has acknowledged the reply to another follower', () => {
    const { table, client } = aTable(3);
    table.add(client);
    const [one, other] = table.ids.filter((id) => id !== table.leader()).map((id) => table.node(id));
    if (one === undefined || other === undefined) throw new Error('there are no two followers');
    const sequence = claimAt(one, table, client);
    table.pass(200);
    const encoder = new RequestEncoder();
    encoder.begin(client, table.nextSequence(), sequence + 1);
    encoder.command('counts', { queue: 'q' });
    other.receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
    table.pass(200);
    one.clientGone(CONNECTION);
    expectClaimed({ table, leader: table.node(table.leader()) });
  });
});

describe('replies to claims that are not acknowledged', () => {
  const replyOf = (sequence: number, payloadBytes: number): Uint8Array => {
    const queue = new TestQueue();
    queue.add('x'.repeat(payloadBytes));
    const [reply] = queue.apply(queue.request((to) => to.claim('q', claimOptions(1, HOUR_MS)), sequence));
    if (reply === undefined) throw new Error('a claim got no reply');
    return reply;
  };
  const MIB = 1024 * 1024;
  const reply = replyOf(3, MIB);

  it('are kept up to a bound for each channel, over all of its sessions', () => {
    const delivery = new ClaimDelivery();
    for (let session = 1; session <= 100; session += 1) delivery.onSent(CONNECTION, session, 3, reply);
    expect(delivery.sentBytes).toBeLessThanOrEqual(32 * MIB);
    expect(delivery.sentBytes).toBeGreaterThan(30 * MIB);
    delivery.onGone(CONNECTION);
    expect(delivery.take()).toHaveLength(31);
    expect(delivery.sentBytes).toBe(0);
  });

  it('are kept up to a bound for all channels together', () => {
    const delivery = new ClaimDelivery();
    for (let channel = 1; channel <= 200; channel += 1) delivery.onSent(channel, channel, 3, reply);
    expect(delivery.sentBytes).toBeLessThanOrEqual(128 * MIB);
    expect(delivery.awaits(1)).toBe(false);
    expect(delivery.awaits(200)).toBe(true);
  });

  it('are dropped once the client acknowledges them, on any channel', () => {
    const delivery = new ClaimDelivery();
    delivery.onSent(CONNECTION, 7, 3, reply);
    delivery.onSent(CONNECTION, 8, 3, reply);
    delivery.onAcknowledged(7, 4);
    expect([delivery.awaits(7), delivery.awaits(8)]).toEqual([false, true]);
    expect(delivery.sentBytes).toBe(reply.length);
  });

  it('are bounded in the bytes of the releases that wait for a leader', () => {
    const delivery = new ClaimDelivery();
    const request = new Uint8Array(MIB);
    for (let put = 0; put < 100; put += 1) delivery.putBack(request);
    expect(delivery.take()).toHaveLength(4);
    delivery.putBack(request);
    expect(delivery.take()).toHaveLength(1);
  });

  it('are dropped when the session ends, and the end of the channel then releases nothing', () => {
    const table = new NodeTable([2]);
    const client = table.open();
    table.add(client);
    const leader = table.node(1);
    claimAt(leader, table, client, { leaseMs: 3 * HOUR_MS });
    table.idle(HOUR_MS + 1_000);
    expect(leader.machine.sessions.size).toBe(0);
    leader.clientGone(CONNECTION);
    table.idle(1_000);
    expect(leader.machine.counts('q')).toMatchObject({ waiting: 0, active: 1 });
  });
});

describe('a late copy of a request that its client has acknowledged', () => {
  it.each(['the leader', 'a follower'])('is answered by %s, which would otherwise wait for its reply', (at) => {
    const { table, client } = aTable(3);
    table.request(client, (to) => to.command('counts', { queue: 'q' }), 2);
    const encoder = new RequestEncoder();
    encoder.begin(client, 4, 4);
    encoder.command('counts', { queue: 'q' });
    table.send(client, 4, encoder.finish());
    encoder.begin(client, 2, 1);
    encoder.command('counts', { queue: 'q' });
    const before = table.replies.length;
    const node = table.ids.find((id) => (id === table.leader()) === (at === 'the leader')) ?? 0;
    table.node(node).receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
    table.pass(200);
    const replies = table.replies.slice(before).flatMap((frame) => (frame.type === 'reply' ? [decodeReply(frame.reply)] : []));
    expect(replies).toMatchObject([{ client, sequence: 2, results: [{ ok: false, code: 'SESSION_EXPIRED' }] }]);
  });
});
