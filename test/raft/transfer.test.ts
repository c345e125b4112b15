import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { aFollower, anEstablishedLeader, aVoteRequest, messagesIn, repliesIn } from './builders.ts';
import { Network } from './network.ts';

const transfer = (core: ReturnType<typeof anEstablishedLeader>, to?: number) =>
  core.core.step({ type: 'transfer-leadership', now: core.now, to: to === undefined ? undefined : asNodeId(to) });

describe('leadership transfer (thesis §3.10)', () => {
  it('sends TimeoutNow at once to a voter that has everything', () => {
    const leader = anEstablishedLeader();
    expect(messagesIn(transfer(leader, 3))).toMatchObject([{ type: 'timeout-now', to: 3 }]);
  });

  it('waits until the target has everything', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.persist();
    expect(messagesIn(transfer(leader, 2)).some(({ type }) => type === 'timeout-now')).toBe(false);
    expect(messagesIn(leader.acknowledge(2, 2)).some(({ type }) => type === 'timeout-now')).toBe(true);
  });

  it('chooses the voter that has most of the log when none is named', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.acknowledge(3, 2);
    expect(messagesIn(transfer(leader))).toMatchObject([{ type: 'timeout-now', to: 3 }]);
  });

  it('rejects proposals meanwhile, and is aborted after an election timeout', () => {
    const leader = anEstablishedLeader();
    transfer(leader, 2);
    expect(leader.propose().rejected).toEqual({ reason: 'transferring', to: 2 });
    leader.advance(101);
    leader.acknowledge(2, 1);
    leader.acknowledge(3, 1);
    leader.reachDeadline();
    expect(leader.view).toMatchObject({ role: 'leader', leading: { transfer: undefined } });
    expect(leader.propose().rejected).toBeUndefined();
  });

  it.each([1, 9])('is rejected for node %i, which cannot take over', (to) => {
    expect(transfer(anEstablishedLeader(), to).rejected).toMatchObject({ reason: 'invalid-transfer' });
  });

  it('lets the target win although all nodes receive heartbeats from the leader', () => {
    const network = new Network({ nodes: 5, latencyMs: 1 });
    network.elect(1);
    network.run(30);
    network.step(1, { type: 'transfer-leadership', to: asNodeId(4) });
    expect(network.runUntil(() => network.leader() === 4, 20)).toBe(true);
  });

  it('ignores TimeoutNow from a node that does not lead', () => {
    const follower = aFollower({ id: 2, leader: 1 });
    follower.step({ type: 'timeout-now', from: asNodeId(3), to: asNodeId(2), term: follower.view.term });
    expect(follower.view.role).toBe('follower');
  });

  it('is the only election in which a follower of an active leader votes', () => {
    const ordinary = aFollower({ id: 2, leader: 1 });
    expect(repliesIn(ordinary.step(aVoteRequest({ from: 3, to: 2, term: 2 })))).toMatchObject([{ granted: false }]);
    const asked = aFollower({ id: 2, leader: 1 });
    expect(repliesIn(asked.step(aVoteRequest({ from: 3, to: 2, term: 2, transfer: true })))).toMatchObject([{ granted: true }]);
  });
});
