import { describe, expect, it } from 'vitest';
import { packetOf } from '../../src/client/connection.ts';
import type { NodeRuntime } from '../../src/node/node-runtime.ts';
import { RequestEncoder } from '../../src/queue/request.ts';
import { claimOptions } from '../queue/harness.ts';
import { NodeTable } from './node-table.ts';

const CONNECTION = 9;
const HOUR_MS = 3_600_000;

function aTable(nodes: number): { readonly table: NodeTable; readonly client: number } {
  const table = new NodeTable(Array.from({ length: nodes }, () => 2));
  const client = table.open();
  return { table, client };
}

/** Claims three jobs on a channel of its own. */
function claimAt(node: NodeRuntime, client: number, sequence: number, waitMs = 0): void {
  const encoder = new RequestEncoder();
  encoder.begin(client, sequence, 1);
  encoder.claim('q', claimOptions(3, HOUR_MS, { waitMs }));
  node.receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
}

function expectWaiting(table: NodeTable, waiting: number): void {
  table.pass(500);
  table.awaitEqual();
  expect(table.digests().size).toBe(1);
  for (const id of table.ids) expect(table.node(id).machine.counts('q')).toMatchObject({ waiting, active: 0 });
}

describe('jobs of a claim whose client is gone before the answer', () => {
  it('are released by the leader, without a stall', () => {
    const { table, client } = aTable(1);
    const id = table.add(client);
    table.add(client);
    const leader = table.node(table.leader());
    claimAt(leader, client, table.nextSequence());
    leader.clientGone(CONNECTION);
    expectWaiting(table, 2);
    const [shown] = table.request(client, (to) => to.getJob(id));
    expect(shown).toMatchObject({ type: 'job', job: { state: 'waiting', attempt: 0, stalls: 0 } });
  });

  it('are released when the claim was in the log by then', () => {
    const { table, client } = aTable(3);
    table.add(client);
    const leader = table.node(table.leader());
    claimAt(leader, client, table.nextSequence());
    leader.turn();
    leader.clientGone(CONNECTION);
    expectWaiting(table, 1);
  });

  it('are released by the leader when a follower had passed the claim on', () => {
    const { table, client } = aTable(3);
    table.add(client);
    const follower = table.node(table.ids.find((id) => id !== table.leader()) ?? 0);
    claimAt(follower, client, table.nextSequence());
    follower.turn();
    follower.clientGone(CONNECTION);
    expectWaiting(table, 1);
  });

  it('are not taken at all when the claim was still waiting for them', () => {
    for (const isFollower of [false, true]) {
      const { table, client } = aTable(3);
      const leader = table.leader();
      const node = table.node(table.ids.find((id) => (id !== leader) === isFollower) ?? 0);
      claimAt(node, client, table.nextSequence(), HOUR_MS);
      table.pass(100);
      node.clientGone(CONNECTION);
      table.pass(100);
      table.add(client);
      expectWaiting(table, 1);
    }
  });

  it('stay with a client that asks again on another channel', () => {
    const { table, client } = aTable(1);
    table.add(client);
    const leader = table.node(table.leader());
    const sequence = table.nextSequence();
    claimAt(leader, client, sequence);
    leader.clientGone(CONNECTION);
    // The channel of the table: the answer goes there, whichever comes first.
    const encoder = new RequestEncoder();
    encoder.begin(client, sequence, 1);
    encoder.claim('q', claimOptions(3, HOUR_MS));
    const [claimed] = table.send(client, sequence, encoder.finish());
    expect(claimed).toMatchObject({ type: 'claimed', jobs: [{ attempt: 1 }] });
    table.pass(500);
    expect(leader.machine.counts('q')).toMatchObject({ waiting: 0, active: 1 });
  });

  it('does not accept from another node what is more than a release', () => {
    const { table, client } = aTable(2);
    const id = table.add(client);
    const leader = table.node(table.leader());
    const before = leader.view.log.lastIndex;
    const follower = table.ids.find((other) => other !== table.leader()) ?? 0;
    table.forward(follower, (to) => to.remove('q', id));
    table.pass(200);
    expect(leader.view.log.lastIndex).toBe(before);
    expectWaiting(table, 1);
  });
});

describe('jobs of a claim whose answer was sent when the channel ended', () => {
  it('are released unless the client has acknowledged it', () => {
    const { table, client } = aTable(1);
    table.add(client);
    const leader = table.node(table.leader());
    const sequence = table.nextSequence();
    claimAt(leader, client, sequence);
    table.pass(200);
    expect(leader.machine.counts('q')).toMatchObject({ active: 1 });
    leader.clientGone(CONNECTION);
    expectWaiting(table, 1);
  });

  it('stay claimed once the client has acknowledged it', () => {
    const { table, client } = aTable(1);
    table.add(client);
    const leader = table.node(table.leader());
    const sequence = table.nextSequence();
    claimAt(leader, client, sequence);
    table.pass(200);
    const encoder = new RequestEncoder();
    encoder.begin(client, table.nextSequence(), sequence + 1);
    encoder.counts('q');
    leader.receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
    leader.clientGone(CONNECTION);
    table.pass(500);
    expect(leader.machine.counts('q')).toMatchObject({ waiting: 0, active: 1 });
  });
});
