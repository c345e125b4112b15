import { describe, expect, it } from 'vitest';
import { aCandidate, aFollower, aLeader, anAppend, anEstablishedLeader, appendsIn, aVoteReply, logOf, messagesIn } from './builders.ts';
import { Network } from './network.ts';

describe('a leader commits (Raft §5.3, §5.4)', () => {
  // [nodes, peers that acknowledge, committed]
  it.each([
    [3, 0, false],
    [3, 1, true],
    [3, 2, true],
    [5, 1, false],
    [5, 2, true],
    [5, 4, true],
    [4, 1, false],
    [4, 2, true],
    [2, 0, false],
    [2, 1, true],
  ] as const)('among %i nodes, after %i acknowledgements: %s', (nodes, acknowledgements, committed) => {
    const leader = anEstablishedLeader({ voters: Array.from({ length: nodes }, (_, offset) => offset + 1) });
    leader.propose();
    leader.persist();
    for (let peer = 2; peer < 2 + acknowledgements; peer += 1) leader.acknowledge(peer, 2);
    expect(leader.view.commit).toBe(committed ? 2 : 1);
  });

  it('and sends the index with the next message to each follower', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.persist();
    const effects = leader.acknowledge(2, 2);
    expect(effects.commit).toBe(2);
    const next = leader.propose();
    expect(appendsIn(next)).toMatchObject([
      { to: 2, commit: 2 },
      { to: 3, commit: 2 },
    ]);
    const beat = anEstablishedLeader().reachDeadline();
    expect(appendsIn(beat)).toMatchObject([{ commit: 1 }, { commit: 1 }]);
  });

  it('by its followers’ disks alone, while its own is slow (thesis §10.2.1)', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.acknowledge(2, 2);
    expect(leader.view.commit).toBe(1);
    leader.acknowledge(3, 2);
    expect(leader.view.commit).toBe(2);
  });

  it('with its own disk counted like any other, once it is written', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.acknowledge(2, 2);
    expect(leader.persist().commit).toBe(2);
  });

  it('what a majority has, not what the fastest follower has', () => {
    const leader = anEstablishedLeader({ voters: [1, 2, 3, 4, 5] });
    for (let count = 0; count < 4; count += 1) leader.propose();
    leader.persist({ index: 3, term: 2 });
    leader.acknowledge(2, 5);
    leader.acknowledge(3, 2);
    expect(leader.view.commit).toBe(2);
    leader.acknowledge(4, 4);
    expect(leader.view.commit).toBe(3);
  });

  it('without going back: stale acknowledgements change nothing', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.persist();
    leader.acknowledge(2, 2);
    for (const match of [0, 1, 2]) expect(leader.acknowledge(2, match).commit).toBeUndefined();
    expect(leader.progressOf(2).match).toBe(2);
  });

  it('without learners', () => {
    const leader = anEstablishedLeader({ learners: [4, 5] });
    leader.propose();
    leader.persist();
    leader.acknowledge(4, 2);
    leader.acknowledge(5, 2);
    expect(leader.view.commit).toBe(1);
  });

  it('with both majorities while the configuration is joint (Raft §6)', () => {
    const leader = aLeader({ voters: [1, 2, 3], outgoing: [1, 4, 5] });
    leader.acknowledge(2, 1);
    leader.acknowledge(3, 1);
    expect(leader.view.commit).toBe(0);
    leader.acknowledge(4, 1);
    expect(leader.view.commit).toBe(1);
  });
});

describe('entries of earlier terms (Raft §5.4.2)', () => {
  it('are not committed by counting', () => {
    const leader = aLeader({ term: 4, log: logOf(1, 2, 2) });
    for (const peer of [2, 3]) leader.acknowledge(peer, 3);
    expect(leader.view.commit).toBe(0);
  });

  it('are committed with the first entry of the leader’s own, which is its no-op', () => {
    const leader = aLeader({ term: 4, log: logOf(1, 2, 2) });
    leader.acknowledge(2, 3);
    expect(leader.acknowledge(2, 4).commit).toBe(4);
  });

  it('are not committed by the leader’s own disk', () => {
    const candidate = aCandidate({ term: 4, log: logOf(1, 2), voters: [1, 2] });
    candidate.step(aVoteReply({ from: 2, term: 4 }));
    candidate.acknowledge(2, 2);
    expect(candidate.persist({ index: 2, term: 2 }).commit).toBeUndefined();
  });
});

describe('a cluster of one', () => {
  it('elects its leader as soon as the timeout passes, without a message', () => {
    const node = aFollower({ voters: [1] });
    const effects = node.reachDeadline();
    expect(node.view).toMatchObject({ role: 'leader', term: 2, votedFor: 1 });
    expect(effects.hardState).toEqual({ term: 2, votedFor: 1 });
    expect(messagesIn(effects)).toEqual([]);
  });

  it('commits only after its own disk', () => {
    const node = aFollower({ voters: [1] });
    node.reachDeadline();
    expect(node.propose().commit).toBeUndefined();
    expect(node.view.commit).toBe(0);
    expect(node.persist({ index: 1, term: 2 }).commit).toBe(1);
    expect(node.persist().commit).toBe(2);
  });

  it('keeps its leader', () => {
    const network = new Network({ nodes: 1 });
    network.electAny();
    network.run(5_000);
    expect(network.core(1).view).toMatchObject({ role: 'leader', term: 1 });
  });

  it('loses no committed entry when it crashes', () => {
    const network = new Network({ nodes: 1, slowDisks: true });
    network.timeOut(1);
    network.propose(1, 7);
    network.persist(1);
    network.propose(1, 8);
    expect(network.core(1).view.commit).toBe(2);
    network.crash(1);
    network.restart(1);
    network.timeOut(1);
    network.persist(1);
    expect(network.core(1).view.commit).toBe(3);
    expect([...network.checker.committed.values()].map(({ entry }) => entry.data[0])).toEqual([undefined, 7, undefined]);
  });
});

describe('a follower that learns of a commit', () => {
  it('commits in order, including entries of earlier leaders', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1) });
    const effects = follower.step(anAppend({ term: 2, prev: { index: 2, term: 1 }, entries: [{ index: 3, term: 2 }], commit: 3 }));
    expect(effects.commit).toBe(3);
    expect(follower.view.commit).toBe(3);
  });
});
