import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Failover } from '../../src/client/delivery/failover.ts';
import type { NodeStatus } from '../../src/protocol/client-frame.ts';
import { aNodeStatus } from '../cluster/node-status.ts';

const leads = (node: number, term: number): NodeStatus => aNodeStatus({ node, state: 'leader', leaderId: node, term });
const follows = (node: number, leaderId: number | null): NodeStatus => aNodeStatus({ node, state: 'follower', leaderId, term: 1 });

function settledOn(node: number): Failover {
  const failover = new Failover(new SeededRandom(1));
  expect(failover.onStatus(leads(node, 1), 0)).toBe('settle');
  return failover;
}

describe('a client that searches the leader', () => {
  it('settles on the node that reports itself as leader', () => {
    const failover = new Failover(new SeededRandom(1));
    expect(failover.onStatus(follows(2, 1), 0)).toBe('none');
    expect(failover.isSearching).toBe(true);
    expect(failover.onStatus(leads(1, 1), 0)).toBe('settle');
    expect([failover.isSearching, failover.node]).toEqual([false, 1]);
  });

  it('settles on a node that replies, unless any node replies to such a request', () => {
    const failover = new Failover(new SeededRandom(1));
    expect(failover.onReply(3, false)).toBe('none');
    expect(failover.onReply(3, true)).toBe('settle');
    expect(failover.node).toBe(3);
  });

  it('asks again at growing intervals, and from the second time on tries a request', () => {
    const failover = new Failover(new SeededRandom(1));
    expect(failover.isProbing).toBe(false);
    const pauses = Array.from({ length: 30 }, () => failover.onAsked(1_000) - 1_000);
    expect(failover.isProbing).toBe(true);
    expect(pauses[0]).toBeGreaterThanOrEqual(3.75);
    expect(pauses[0]).toBeLessThan(6.25);
    expect(pauses[10]).toBeGreaterThan(pauses[0] as number);
    expect(Math.max(...pauses)).toBeLessThan(250);
  });

  it('tries a request only at nodes that have replied in this search', () => {
    const failover = settledOn(1);
    failover.onStatus(follows(3, 1), 0);
    expect(failover.onLost(1)).toBe('search');
    expect(failover.nextProbeNode([1, 2, 3], 1)).toBeUndefined();
    failover.onStatus(follows(2, null), 1);
    expect(Array.from({ length: 3 }, () => failover.nextProbeNode([1, 2, 3], 1))).toEqual([2, 2, 2]);
  });

  it('tries nodes that are silent only if all of them are', () => {
    const failover = settledOn(1);
    expect(failover.onSilent(1, 0)).toBe('search');
    for (const node of [1, 2, 3]) expect(failover.onStatus(follows(node, null), 1)).toBe('none');
    const tried = Array.from({ length: 6 }, () => failover.nextProbeNode([1, 2, 3], 1));
    expect(new Set(tried)).toEqual(new Set([2, 3]));
    expect(failover.nextProbeNode([1], 1)).toBe(1);
  });

  it('does not believe a silent node that it leads, until it replies', () => {
    const failover = settledOn(1);
    failover.onSilent(1, 0);
    expect(failover.onStatus(leads(1, 1), 100)).toBe('none');
    expect(failover.onStatus(leads(2, 2), 100)).toBe('settle');
    expect(failover.node).toBe(2);
  });

  it('pauses while there is nothing to send', () => {
    const failover = settledOn(1);
    expect(failover.onLost(1)).toBe('search');
    failover.onAsked(0);
    expect(failover.resume()).toBe('none');
    failover.pause();
    expect(failover.resume()).toBe('search');
  });
});

describe('a client that has settled on a node', () => {
  it('searches when that node is lost, silent or without a leader, and not because of another one', () => {
    expect(settledOn(1).onLost(1)).toBe('search');
    expect(settledOn(1).onSilent(1, 0)).toBe('search');
    expect(settledOn(1).onUnavailable(1)).toBe('search');
    expect(settledOn(1).onLost(2)).toBe('none');
    expect(settledOn(1).onSilent(2, 0)).toBe('none');
    expect(settledOn(1).onUnavailable(2)).toBe('none');
  });

  it('learns the leader from its node once that is a follower', () => {
    const failover = settledOn(1);
    expect(failover.leaderBehind(leads(1, 1), 0)).toBeUndefined();
    expect(failover.leaderBehind(follows(2, 3), 0)).toBeUndefined();
    expect(failover.leaderBehind(follows(1, null), 0)).toBeUndefined();
    expect(failover.leaderBehind(follows(1, 3), 0)).toBe(3);
  });
});
