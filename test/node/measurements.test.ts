import { describe, expect, it } from 'vitest';
import { measureNode } from '../../src/node/measurements.ts';
import { NodeTable } from './node-table.ts';

const measure = (table: NodeTable, id: number) => measureNode(table.node(id), table.nowMs);
const total = ({ counts }: { readonly counts: readonly number[] }) => counts.reduce((sum, count) => sum + count, 0);

/** The members but for these. */
const others = (...ids: readonly number[]) => [1, 2, 3].filter((id) => !ids.includes(id));

describe('the measurements of a node', () => {
  it('have what a leader knows of its followers, and what it proposed', () => {
    const table = new NodeTable([5, 5, 5]);
    table.add(table.open());
    table.awaitEqual();
    const leader = table.leader();
    const { role, commit, applied, last, isReady, voters, peers, details, counters } = measure(table, leader);
    expect({ role, isReady, voters, commit, applied }).toEqual({ role: 'leader', isReady: true, voters: 3, commit: last, applied: last });
    expect(peers.map(({ peer, state, lagEntries }) => ({ peer, state, lagEntries }))).toEqual(
      others(leader).map((peer) => ({ peer, state: 'replicate', lagEntries: 0 })),
    );
    expect(counters.requests).toBeGreaterThanOrEqual(2);
    expect(total(details.commitMs)).toBeGreaterThanOrEqual(2);
    expect(total(details.entryRequests)).toBeGreaterThanOrEqual(2);
    const appends = details.rpcReplies.find(({ rpc }) => rpc === 'AppendEntries');
    expect(appends?.accepted).toBeGreaterThan(0);
  });

  it('show a follower that is cut off by its silence and its lag, and the follower itself as not ready', () => {
    const table = new NodeTable([5, 5, 5]);
    const client = table.open();
    table.awaitEqual();
    const leader = table.leader();
    const [away = 0] = others(leader);
    table.isolated.add(away);
    table.add(client);
    table.pass(2_000);
    const peer = measure(table, leader).peers.find((one) => one.peer === away);
    expect(peer?.silentMs).toBeGreaterThanOrEqual(1_500);
    expect(peer?.lagEntries).toBeGreaterThan(0);
    expect(measure(table, away)).toMatchObject({ leader: 0, isReady: false, applyLag: undefined });
    table.isolated.delete(away);
    table.awaitEqual();
    table.passUntil('the node is ready', () => measure(table, away).isReady);
    expect(measure(table, away)).toMatchObject({ leader: table.leader(), applyLag: 0 });
  });

  it('call a follower ready only once it has applied what its leader had committed', () => {
    const table = new NodeTable([5, 5, 5], { turnBytesMax: 1_024 });
    const client = table.open();
    const leader = table.leader();
    const [behind = 0] = others(leader);
    table.isolated.add(behind);
    for (let adds = 0; adds < 30; adds += 1) table.submitAdd(client, 600);
    table.pass(5_000);
    expect(measure(table, behind)).toMatchObject({ leader: 0, isReady: false });
    table.isolated.delete(behind);
    const seen: { readonly isReady: boolean; readonly isFollowing: boolean; readonly isBehind: boolean }[] = [];
    const look = (): boolean => {
      const { isReady, leader: followed, applied } = measure(table, behind);
      const { commit } = measure(table, table.leader());
      seen.push({ isReady, isFollowing: followed !== 0, isBehind: applied < commit });
      return isReady;
    };
    for (let looks = 0; !look() && looks < 1_000; looks += 1) table.pass(10);
    expect(seen.at(-1)?.isReady).toBe(true);
    expect(seen.filter(({ isReady, isBehind }) => isReady && isBehind)).toEqual([]);
    // It followed the leader before it had caught up.
    expect(seen.some(({ isFollowing, isBehind }) => isFollowing && isBehind)).toBe(true);
  });

  it('count what a node without a leader rejects, and its elections', () => {
    const table = new NodeTable([5, 5, 5]);
    const client = table.open();
    const leader = table.leader();
    const [away = 0] = others(leader);
    table.isolated.add(away);
    table.pass(5_000);
    expect(measure(table, away).counters.elections).toBeGreaterThan(0);
    expect(measure(table, away).details.rejected).toMatchObject({ NO_LEADER: 0, OVERLOADED: 0 });
    table.submitAdd(client, 4, away);
    table.pass(100);
    expect(measure(table, away).details.rejected).toMatchObject({ NO_LEADER: 1, OVERLOADED: 0 });
  });

  it('measure the commit of a sole voter, which its own write commits', () => {
    const table = new NodeTable([5]);
    table.lookMs.set(1, 2);
    table.add(table.open());
    const { commitMs } = measure(table, 1).details;
    expect(total(commitMs)).toBeGreaterThanOrEqual(2);
    expect(commitMs.sum).toBeGreaterThan(0);
  });
});
