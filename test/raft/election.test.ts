import { describe, expect, it } from 'vitest';
import {
  aCandidate,
  aCore,
  aFollower,
  aLeader,
  anAcceptance,
  anAppend,
  anEstablishedLeader,
  aPreCandidate,
  appendsIn,
  aRejection,
  aSnapshotReply,
  aVoteReply,
  aVoteRequest,
  logOf,
  messagesIn,
  repliesIn,
  TEST_CONFIG,
} from './builders.ts';
import { Network } from './network.ts';

const cores = { aFollower, aPreCandidate, aCandidate, aLeader };

describe('terms (Raft §5.1)', () => {
  for (const [name, build] of Object.entries(cores)) {
    it(`${name} adopts a newer term, becomes follower, and has not voted in it`, () => {
      const node = build({ term: 2 });
      const effects = node.step(anAcceptance({ from: 2, term: 5, match: 0 }));
      expect(node.view).toMatchObject({ role: 'follower', term: 5, votedFor: undefined });
      expect(effects.hardState).toEqual({ term: 5, votedFor: undefined });
    });

    it(`${name} follows the leader of a newer term`, () => {
      const node = build({ term: 2 });
      node.step(anAppend({ from: 3, term: 5 }));
      expect(node.view).toMatchObject({ role: 'follower', term: 5, leader: 3 });
    });
  }

  it('a stale leader receives the newer term in a rejection, and steps down', () => {
    const follower = aFollower({ term: 3 });
    const effects = follower.step(anAppend({ from: 2, term: 2, prev: { index: 4, term: 2 }, entries: [{ index: 5, term: 2 }] }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-rejected', to: 2, term: 3 }]);
    expect(follower.view.log.lastIndex).toBe(0);
    const stale = aLeader({ id: 2, term: 2 });
    stale.step(aRejection({ from: 1, to: 2, term: 3, rejected: 4 }));
    expect(stale.view).toMatchObject({ role: 'follower', term: 3 });
  });

  it('a stale candidate receives the newer term in a rejection, and steps down', () => {
    const follower = aFollower({ term: 3 });
    const effects = follower.step(aVoteRequest({ from: 2, term: 2, last: { index: 9, term: 2 } }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'vote-reply', to: 2, term: 3, granted: false }]);
    expect(follower.view.votedFor).toBeUndefined();
    const stale = aCandidate({ id: 2, term: 2 });
    stale.step(aVoteReply({ from: 1, to: 2, term: 3, granted: false }));
    expect(stale.view).toMatchObject({ role: 'follower', term: 3 });
  });

  it.each([
    aVoteReply({ term: 1 }),
    anAcceptance({ term: 1, match: 1 }),
    aRejection({ term: 1, rejected: 1 }),
    aSnapshotReply({ term: 1, snapshot: { index: 1, term: 1 } }),
  ])('a stale $type is dropped without a reply', (message) => {
    const leader = anEstablishedLeader({ term: 2 });
    const before = { ...leader.view.leading?.progress.get(message.from) };
    const effects = leader.step(message);
    expect(messagesIn(effects)).toEqual([]);
    expect({ ...leader.view.leading?.progress.get(message.from) }).toEqual(before);
  });

  it('a stale append does not restart the election timer', () => {
    const follower = aFollower({ term: 3 });
    const due = follower.core.nextDeadlineMs;
    follower.advance(50);
    follower.step(anAppend({ from: 2, term: 2 }));
    expect(follower.core.nextDeadlineMs).toBe(due);
  });
});

describe('a node (Raft §5.2)', () => {
  it('starts as follower, with its stored term and vote', () => {
    expect(aCore({ term: 4, votedFor: 3 }).view).toMatchObject({ role: 'follower', term: 4, votedFor: 3, leader: undefined });
  });

  it('stays follower while it receives messages from a leader', () => {
    const follower = aFollower({ leader: 2 });
    for (let beat = 0; beat < 100; beat += 1) {
      follower.advance(TEST_CONFIG.heartbeatMs);
      expect(follower.core.nextDeadlineMs).toBeGreaterThan(follower.now);
      follower.step(anAppend({ from: 2 }));
    }
    expect(follower.view).toMatchObject({ role: 'follower', term: 1 });
  });

  it('does nothing at a deadline that has moved meanwhile', () => {
    const follower = aFollower();
    const effects = follower.core.step({ type: 'deadline', now: follower.core.nextDeadlineMs - 1 });
    expect(messagesIn(effects)).toEqual([]);
    expect(follower.view.role).toBe('follower');
  });

  it('never starts an election without a vote', () => {
    const learner = aFollower({ id: 4, learners: [4] });
    const effects = learner.reachDeadline();
    expect(messagesIn(effects)).toEqual([]);
    expect(learner.view.role).toBe('follower');
    expect(learner.core.nextDeadlineMs).toBeGreaterThan(learner.now);
  });
});

describe('a leader (Raft §5.2)', () => {
  it('sends a heartbeat to every peer: an empty AppendEntries', () => {
    const leader = anEstablishedLeader({ voters: [1, 2, 3, 4, 5] });
    const effects = leader.reachDeadline();
    expect(appendsIn(effects).map((message) => [message.to, message.entries.length])).toEqual([
      [2, 0],
      [3, 0],
      [4, 0],
      [5, 0],
    ]);
    expect(leader.core.nextDeadlineMs).toBe(leader.now + TEST_CONFIG.heartbeatMs);
  });

  it('sends no heartbeat to a peer that was just sent entries', () => {
    const leader = anEstablishedLeader();
    leader.advance(TEST_CONFIG.heartbeatMs - 1);
    leader.propose();
    expect(appendsIn(leader.reachDeadline())).toEqual([]);
    expect(appendsIn(leader.reachDeadline())).toHaveLength(2);
  });

  it('appends a no-op of its term at once, and sends it to every peer (Raft §8)', () => {
    const candidate = aCandidate({ term: 3, log: logOf(1, 2) });
    const effects = candidate.step(aVoteReply({ from: 2, term: 3 }));
    expect(effects.append).toMatchObject({ from: 3, entries: [{ index: 3, term: 3, kind: 'noop' }] });
    expect(appendsIn(effects)).toMatchObject([
      { to: 2, term: 3, prev: { index: 2, term: 2 }, entries: [{ index: 3, term: 3 }] },
      { to: 3, term: 3, prev: { index: 2, term: 2 }, entries: [{ index: 3, term: 3 }] },
    ]);
  });

  it('steps down when it reaches no majority for an election timeout (CheckQuorum, thesis §6.2)', () => {
    const leader = anEstablishedLeader();
    const electedAt = leader.now;
    while (leader.view.role === 'leader') leader.reachDeadline();
    expect(leader.now - electedAt).toBeGreaterThan(TEST_CONFIG.electionTimeoutMs);
    expect(leader.now - electedAt).toBeLessThanOrEqual(TEST_CONFIG.electionTimeoutMs + TEST_CONFIG.heartbeatMs);
    expect(leader.view).toMatchObject({ role: 'follower', term: 2, votedFor: 1, leader: undefined });
  });

  it.each([
    ['acceptances', anAcceptance({ from: 2, term: 2, match: 1 })],
    ['rejections', aRejection({ from: 2, term: 2, rejected: 1 })],
    ['replies to a snapshot', aSnapshotReply({ from: 2, term: 2, snapshot: { index: 1, term: 1 } })],
  ])('stays leader while one of two peers replies: %s count', (_name, message) => {
    const leader = anEstablishedLeader();
    for (let beat = 0; beat < 20; beat += 1) {
      leader.reachDeadline();
      leader.step(message);
    }
    expect(leader.view.role).toBe('leader');
  });

  it('steps down when only a learner replies', () => {
    const leader = anEstablishedLeader({ learners: [4] });
    for (let beat = 0; beat < 20; beat += 1) {
      leader.reachDeadline();
      if (leader.view.role === 'leader') leader.acknowledge(4, 1);
    }
    expect(leader.view.role).not.toBe('leader');
  });
});

describe('an election (Raft §5.2)', () => {
  it('raises the term, votes for itself and requests votes from all, once the pre-vote is won', () => {
    const node = aPreCandidate({ term: 4, log: logOf(1, 3), voters: [1, 2, 3] });
    const effects = node.step(aVoteReply({ from: 3, term: 4, preVote: true }));
    expect(node.view).toMatchObject({ role: 'candidate', term: 4, votedFor: 1 });
    expect(effects.hardState).toEqual({ term: 4, votedFor: 1 });
    expect(effects.messages).toEqual([]);
    expect(effects.messagesAfterPersist).toEqual([2, 3].map((to) => aVoteRequest({ from: 1, to, term: 4, last: { index: 2, term: 3 } })));
  });

  it('raises the term at once without pre-votes, as in the paper', () => {
    const node = aFollower({
      term: 3,
      log: [{ index: 2, term: 3 }],
      compacted: { index: 1, term: 1 },
      electionRules: { preVote: false, tieBreak: false },
    });
    const effects = node.reachDeadline();
    expect(node.view).toMatchObject({ role: 'candidate', term: 4, votedFor: 1 });
    expect(effects.messagesAfterPersist).toEqual([2, 3].map((to) => aVoteRequest({ from: 1, to, term: 4, last: { index: 2, term: 3 } })));
  });

  it.each([
    [true, 'follower'],
    [false, 'pre-candidate'],
  ] as const)('with the tie-break %s a pre-candidate that receives the pre-vote request of a lower id is a %s', (tieBreak, role) => {
    const rival = aPreCandidate({ id: 2, term: 2, electionRules: { preVote: true, tieBreak } });
    expect(rival.view.role).toBe('pre-candidate');
    rival.step(aVoteRequest({ from: 1, to: 2, term: 2, preVote: true }));
    expect(rival.view.role).toBe(role);
  });

  it('starts over with a new timeout when the candidate gets no reply', () => {
    const candidate = aCandidate({ term: 2 });
    const effects = candidate.reachDeadline();
    expect(effects.messages).toMatchObject([2, 3].map((to) => ({ type: 'request-vote', to, term: 3, preVote: true })));
    candidate.step(aVoteReply({ from: 2, term: 3, preVote: true }));
    expect(candidate.view).toMatchObject({ role: 'candidate', term: 3, votedFor: 1 });
    expect(candidate.core.nextDeadlineMs).toBeGreaterThanOrEqual(candidate.now + TEST_CONFIG.electionTimeoutMs);
  });

  // [voters, votes granted by peers, votes rejected by peers, outcome]
  it.each([
    [1, 0, 0, 'leader'],
    [3, 2, 0, 'leader'],
    [3, 1, 0, 'leader'],
    [3, 1, 1, 'leader'],
    [3, 0, 0, 'candidate'],
    [3, 0, 1, 'candidate'],
    [3, 0, 2, 'follower'],
    [5, 4, 0, 'leader'],
    [5, 2, 0, 'leader'],
    [5, 2, 2, 'leader'],
    [5, 1, 0, 'candidate'],
    [5, 1, 2, 'candidate'],
    [5, 0, 2, 'candidate'],
    [5, 1, 3, 'follower'],
    [5, 0, 3, 'follower'],
    [2, 0, 1, 'follower'],
    [2, 1, 0, 'leader'],
  ] as const)('among %i with %i votes for and %i against ends as %s', (voters, granted, rejected, role) => {
    const candidate = aCandidate({ voters: Array.from({ length: voters }, (_, offset) => offset + 1) });
    // Rejections first: they must neither end the election early nor count for the candidate.
    for (let peer = 0; peer < rejected; peer += 1) candidate.step(aVoteReply({ from: voters - peer, term: 2, granted: false }));
    for (let peer = 0; peer < granted; peer += 1) candidate.step(aVoteReply({ from: 2 + peer, term: 2 }));
    expect(candidate.view).toMatchObject({ role, term: 2 });
  });

  it('counts each voter once, its first reply', () => {
    const candidate = aCandidate({ voters: [1, 2, 3, 4, 5] });
    for (let repeat = 0; repeat < 5; repeat += 1) candidate.step(aVoteReply({ from: 2, term: 2 }));
    expect(candidate.view.role).toBe('candidate');
    candidate.step(aVoteReply({ from: 3, term: 2, granted: false }));
    candidate.step(aVoteReply({ from: 3, term: 2 }));
    expect(candidate.view.role).toBe('candidate');
  });

  it('does not count learners, nor unknown nodes', () => {
    const candidate = aCandidate({ learners: [4] });
    candidate.step(aVoteReply({ from: 4, term: 2 }));
    candidate.step(aVoteReply({ from: 9, term: 2 }));
    expect(candidate.view.role).toBe('candidate');
  });

  it('does not count votes of an earlier election', () => {
    const candidate = aCandidate({ term: 2, voters: [1, 2, 3] });
    candidate.reachDeadline();
    candidate.step(aVoteReply({ from: 2, term: 3, preVote: true }));
    candidate.step(aVoteReply({ from: 3, term: 2 }));
    expect(candidate.view).toMatchObject({ role: 'candidate', term: 3 });
  });

  it('needs both majorities while the configuration is joint (Raft §6)', () => {
    const candidate = aCandidate({ voters: [1, 2, 3], outgoing: [1, 4, 5] });
    candidate.step(aVoteReply({ from: 2, term: 2 }));
    candidate.step(aVoteReply({ from: 3, term: 2 }));
    expect(candidate.view.role).toBe('candidate');
    candidate.step(aVoteReply({ from: 5, term: 2 }));
    expect(candidate.view.role).toBe('leader');
  });

  for (const [name, build] of [
    ['pre-candidate', aPreCandidate],
    ['candidate', aCandidate],
  ] as const) {
    it(`is over for a ${name} that receives AppendEntries from the leader of its term`, () => {
      const node = build({ term: 3 });
      const effects = node.step(anAppend({ from: 2, term: node.view.term }));
      expect(node.view).toMatchObject({ role: 'follower', leader: 2 });
      expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', to: 2 }]);
    });
  }

  it('keeps the node’s vote for itself', () => {
    const candidate = aCandidate({ term: 3 });
    candidate.step(anAppend({ from: 2, term: 3 }));
    expect(candidate.view.votedFor).toBe(1);
  });

  it('keeps the invariant of one leader per term, and reports a violation', () => {
    const leader = aLeader({ term: 2 });
    expect(() => leader.step(anAppend({ from: 3, term: 2 }))).toThrow(/nodes 1 and 3 both lead term 2/);
  });
});

describe('election timeouts (Raft §5.2, §9.3)', () => {
  const waits = (count: number): number[] =>
    Array.from({ length: count }, (_, seed) => {
      const follower = aFollower({ seed });
      return follower.core.nextDeadlineMs - follower.now;
    });

  it('are randomised over the whole range', () => {
    const { electionTimeoutMs } = TEST_CONFIG;
    const buckets = new Array<number>(10).fill(0);
    for (const wait of waits(2000)) {
      expect(wait).toBeGreaterThanOrEqual(electionTimeoutMs);
      expect(wait).toBeLessThan(2 * electionTimeoutMs);
      const bucket = Math.floor((10 * (wait - electionTimeoutMs)) / electionTimeoutMs);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) expect(count).toBeGreaterThan(120);
  });

  it('are randomised up to the longest one, where it is set', () => {
    const waitsUpTo = (electionTimeoutMaxMs: number): number[] =>
      Array.from({ length: 200 }, (_, seed) => {
        const follower = aFollower({ seed, config: { electionTimeoutMaxMs } });
        return follower.core.nextDeadlineMs - follower.now;
      });
    const { electionTimeoutMs } = TEST_CONFIG;
    const few = waitsUpTo(electionTimeoutMs + 5);
    expect(Math.min(...few)).toBeGreaterThanOrEqual(electionTimeoutMs);
    expect(Math.min(...few)).toBeLessThan(electionTimeoutMs + 1);
    expect(Math.max(...few)).toBeGreaterThan(electionTimeoutMs + 4);
    expect(Math.max(...few)).toBeLessThan(electionTimeoutMs + 5);
    expect(new Set(waitsUpTo(electionTimeoutMs))).toEqual(new Set([electionTimeoutMs]));
    expect(waitsUpTo(2 * electionTimeoutMs)).toEqual(waitsUpTo(0));
  });

  it('are randomised again each time', () => {
    const follower = aFollower();
    const drawn = new Set<number>();
    for (let beat = 0; beat < 50; beat += 1) {
      follower.step(anAppend({ from: 2 }));
      drawn.add(follower.core.nextDeadlineMs - follower.now);
    }
    expect(drawn.size).toBe(50);
  });

  it('of five nodes rarely collide within a millisecond', () => {
    const drawn = waits(5 * 400);
    let collisions = 0;
    for (let round = 0; round < 400; round += 1) {
      const [first, second] = drawn.slice(5 * round, 5 * round + 5).sort((a, b) => a - b);
      if ((second ?? 0) - (first ?? 0) < 1) collisions += 1;
    }
    // Five uniform draws over 100 ms: the two shortest lie within 1 ms of each other in about one round of twenty.
    expect(collisions / 400).toBeLessThan(0.1);
  });

  it('elect one leader in one or two rounds, whatever the seed', () => {
    const termsNeeded = Array.from({ length: 40 }, (_, seed) => {
      const network = new Network({ nodes: 5, seed, latencyMs: 2 });
      return network.core(network.electAny()).view.term;
    });
    expect(Math.max(...termsNeeded)).toBeLessThanOrEqual(4);
    expect(termsNeeded.filter((term) => term === 1).length).toBeGreaterThan(32);
  });
});

describe('a cluster whose nodes were all started together', () => {
  it('elects a leader after a short timeout, since there is none to wait for', () => {
    const follower = aFollower({});
    follower.expectNoLeader();
    const wait = follower.core.nextDeadlineMs - follower.now;
    expect(wait).toBeGreaterThanOrEqual(TEST_CONFIG.lostLeaderElectionMs);
    expect(wait).toBeLessThan(5 * TEST_CONFIG.lostLeaderElectionMs);
  });

  it('keeps a leader that it has by then', () => {
    const follower = aFollower({ leader: 2 });
    const due = follower.core.nextDeadlineMs;
    follower.expectNoLeader();
    expect(follower.view.leader).toBe(2);
    expect(follower.core.nextDeadlineMs).toBe(due);
    const leader = aLeader({ term: 2 });
    leader.expectNoLeader();
    expect(leader.view.role).toBe('leader');
  });

  it('waits for the end of leases that it may have promised before', () => {
    const follower = aFollower({ config: { leaseMs: 50 } });
    const due = follower.core.nextDeadlineMs;
    follower.expectNoLeader();
    expect(follower.core.nextDeadlineMs).toBe(due);
  });
});

describe('a lost leader', () => {
  it('is replaced after a short timeout, since its channel closed', () => {
    const follower = aFollower({ leader: 2 });
    follower.losePeer(2);
    const wait = follower.core.nextDeadlineMs - follower.now;
    expect(wait).toBeGreaterThanOrEqual(TEST_CONFIG.lostLeaderElectionMs);
    expect(wait).toBeLessThan(5 * TEST_CONFIG.lostLeaderElectionMs);
    expect(follower.view.leader).toBeUndefined();
  });

  it('no longer prevents votes for another node', () => {
    const follower = aFollower({ leader: 2 });
    follower.losePeer(2);
    const effects = follower.step(aVoteRequest({ from: 3, term: 2 }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'vote-reply', granted: true }]);
  });

  it('restores the ordinary timeout when it sends again', () => {
    const follower = aFollower({ leader: 2 });
    follower.losePeer(2);
    follower.step(anAppend({ from: 2 }));
    expect(follower.core.nextDeadlineMs - follower.now).toBeGreaterThanOrEqual(TEST_CONFIG.electionTimeoutMs);
  });

  it('is not assumed when another peer’s channel closes', () => {
    const follower = aFollower({ leader: 2 });
    const due = follower.core.nextDeadlineMs;
    follower.losePeer(3);
    expect(follower.core.nextDeadlineMs).toBe(due);
    expect(follower.view.leader).toBe(2);
  });

  it.each([3, 5])('has a successor among %i nodes even where a vote takes longer than the short timeout', (nodes) => {
    for (let seed = 0; seed < 20; seed += 1) {
      const network = new Network({ nodes, seed, latencyMs: 50, config: { electionTimeoutMs: 250 } });
      const first = network.electAny();
      network.crash(first);
      for (const peer of network.liveIds()) network.losePeer(peer, first);
      expect(network.electAny(20_000)).not.toBe(first);
    }
  });

  it('has a successor within a fraction of the election timeout', () => {
    const network = new Network({ nodes: 3, seed: 5, latencyMs: 0.5 });
    const first = network.electAny();
    const lostAt = network.now;
    network.crash(first);
    for (const peer of network.liveIds()) network.losePeer(peer, first);
    const second = network.electAny();
    expect(second).not.toBe(first);
    expect(network.now - lostAt).toBeLessThan(TEST_CONFIG.electionTimeoutMs);
  });
});
