import { describe, expect, it } from 'vitest';
import {
  aCandidate,
  aFollower,
  aLeader,
  anAppend,
  anEstablishedLeader,
  aPreCandidate,
  aVoteReply,
  aVoteRequest,
  logOf,
  messagesIn,
  repliesIn,
  TEST_CONFIG,
} from './builders.ts';
import { Network } from './network.ts';

describe('a follower that receives RequestVote (Raft §5.2)', () => {
  // [voted for, candidate, granted]
  it.each([
    [undefined, 2, true],
    [undefined, 3, true],
    [2, 2, true],
    [3, 3, true],
    [2, 3, false],
    [3, 2, false],
  ] as const)('that voted for %s in this term replies to candidate %i with %s', (votedFor, from, granted) => {
    const follower = aFollower({ term: 2, ...(votedFor === undefined ? {} : { votedFor }) });
    const effects = follower.step(aVoteRequest({ from, term: 2 }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'vote-reply', to: from, term: 2, granted }]);
    expect(follower.view.votedFor).toBe(granted ? from : votedFor);
  });

  it('gives one vote per term, first come', () => {
    const follower = aFollower({ term: 1 });
    expect(repliesIn(follower.step(aVoteRequest({ from: 3, term: 2 })))).toMatchObject([{ granted: true }]);
    expect(repliesIn(follower.step(aVoteRequest({ from: 2, term: 2 })))).toMatchObject([{ granted: false }]);
    expect(repliesIn(follower.step(aVoteRequest({ from: 2, term: 3 })))).toMatchObject([{ granted: true }]);
  });

  it('replies only once the vote is on disk', () => {
    const effects = aFollower({ term: 1 }).step(aVoteRequest({ from: 2, term: 2 }));
    expect(effects.hardState).toEqual({ term: 2, votedFor: 2 });
    expect(effects.messages).toEqual([]);
    expect(effects.messagesAfterPersist).toHaveLength(1);
  });

  it('does not vote twice after a crash', () => {
    const network = new Network({ nodes: 3, slowDisks: true });
    network.step(1, { type: 'message', message: aVoteRequest({ from: 2, to: 1, term: 2 }) });
    network.persist(1);
    network.crash(1);
    network.restart(1);
    const effects = network.step(1, { type: 'message', message: aVoteRequest({ from: 3, to: 1, term: 2 }) });
    expect(effects?.messagesAfterPersist).toMatchObject([{ type: 'vote-reply', to: 3, granted: false }]);
  });

  it('has not sent a vote that a crash lost', () => {
    const network = new Network({ nodes: 3, slowDisks: true });
    network.step(1, { type: 'message', message: aVoteRequest({ from: 2, to: 1, term: 2 }) });
    network.crash(1);
    expect(network.inFlight).toEqual([]);
    network.restart(1);
    expect(network.core(1).view).toMatchObject({ term: 0, votedFor: undefined });
  });

  it('announces its vote once, and restarts its election timer', () => {
    const follower = aFollower({ term: 2 });
    follower.advance(90);
    const first = follower.step(aVoteRequest({ from: 2, term: 2 }));
    expect(first.notices).toEqual([{ type: 'voted', term: 2, candidate: 2 }]);
    expect(follower.core.nextDeadlineMs).toBeGreaterThanOrEqual(90 + TEST_CONFIG.electionTimeoutMs);
    expect(follower.step(aVoteRequest({ from: 2, term: 2 })).notices).toEqual([]);
  });

  it('does not restart its election timer when it rejects', () => {
    const follower = aFollower({ term: 2, votedFor: 3 });
    const due = follower.core.nextDeadlineMs;
    follower.advance(50);
    follower.step(aVoteRequest({ from: 2, term: 2 }));
    expect(follower.core.nextDeadlineMs).toBe(due);
  });

  it('gives no vote in a term whose leader it has followed', () => {
    const follower = aFollower({ term: 2, leader: 2 });
    follower.advance(10 * TEST_CONFIG.electionTimeoutMs);
    expect(repliesIn(follower.step(aVoteRequest({ from: 3, term: 2 })))).toMatchObject([{ granted: false }]);
  });
});

describe('a follower that receives RequestVote (Raft §5.4.1)', () => {
  it('rejects a candidate whose log is less up to date', () => {
    const follower = aFollower({
      term: 2,
      log: [
        { index: 1, term: 1 },
        { index: 2, term: 2 },
      ],
    });
    const effects = follower.step(aVoteRequest({ from: 2, term: 3, last: { index: 1, term: 1 } }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'vote-reply', to: 2, term: 3, granted: false }]);
  });

  // [own log's terms, candidate's last index, candidate's last term, granted]
  it.each([
    [[1], 1, 1, true],
    [[1], 2, 1, true],
    [[1, 1], 1, 1, false],
    [[1], 1, 2, true],
    [[1], 2, 2, true],
    [[1, 1], 1, 2, true],
    [[2], 1, 1, false],
    [[2], 2, 1, false],
    [[2], 9, 1, false],
    [[1, 2], 1, 1, false],
    [[], 0, 0, true],
    [[1], 0, 0, false],
  ] as const)('whose log is %j replies to a last entry at %i of term %i with %s', (terms, index, term, granted) => {
    for (const preVote of [false, true]) {
      const follower = aFollower({ term: 3, log: logOf(...terms) });
      const effects = follower.step(aVoteRequest({ from: 2, term: 4, last: { index, term }, preVote }));
      expect(repliesIn(effects)).toMatchObject([{ type: 'vote-reply', granted }]);
    }
  });

  it('adopts the newer term even when it rejects, so that it may campaign in a later one', () => {
    const follower = aFollower({ term: 2, log: logOf(2) });
    follower.step(aVoteRequest({ from: 2, term: 7 }));
    expect(follower.view).toMatchObject({ term: 7, votedFor: undefined, role: 'follower' });
  });

  it.each([
    [{ index: 9, term: 3 }, true],
    [{ index: 8, term: 3 }, false],
    [{ index: 20, term: 2 }, false],
  ] as const)('with an empty log behind a snapshot compares with the snapshot: %j gets %s', (last, granted) => {
    const follower = aFollower({ term: 3, compacted: { index: 9, term: 3 } });
    expect(repliesIn(follower.step(aVoteRequest({ from: 2, term: 4, last })))).toMatchObject([{ granted }]);
  });

  it('campaigns with the snapshot as its last entry', () => {
    const effects = aFollower({ term: 3, compacted: { index: 9, term: 3 } }).reachDeadline();
    expect(effects.messages).toMatchObject([{ last: { index: 9, term: 3 } }, { last: { index: 9, term: 3 } }]);
  });
});

describe('a pre-vote (thesis §9.6)', () => {
  it('is requested for the next term at a timeout, and does not change the sender’s term and vote', () => {
    const follower = aFollower({ term: 4, votedFor: 2, log: logOf(1, 4) });
    const effects = follower.reachDeadline();
    expect(follower.view).toMatchObject({ role: 'pre-candidate', term: 4, votedFor: 2, leader: undefined });
    expect(effects.hardState).toBeUndefined();
    expect(effects.messages).toEqual(
      [2, 3].map((to) => aVoteRequest({ from: 1, to, term: 5, preVote: true, last: { index: 2, term: 4 } })),
    );
    expect(effects.notices.map((notice) => notice.type)).toEqual(['election-timeout', 'role']);
  });

  it('is not requested from learners', () => {
    const effects = aFollower({ learners: [4] }).reachDeadline();
    expect(effects.messages.map((message) => message.to)).toEqual([2, 3]);
  });

  it('changes neither term, vote nor timer of the node that grants it', () => {
    const follower = aFollower({ term: 4, votedFor: 3 });
    const due = follower.core.nextDeadlineMs;
    follower.advance(20);
    const effects = follower.step(aVoteRequest({ from: 2, term: 5, preVote: true }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'vote-reply', preVote: true, granted: true, term: 5 }]);
    expect(follower.view).toMatchObject({ term: 4, votedFor: 3 });
    expect(follower.core.nextDeadlineMs).toBe(due);
    expect(effects.hardState).toBeUndefined();
  });

  it('may be granted to several in the same term', () => {
    const follower = aFollower({ term: 4 });
    for (const from of [2, 3]) {
      expect(repliesIn(follower.step(aVoteRequest({ from, term: 5, preVote: true })))).toMatchObject([{ granted: true }]);
    }
  });

  it('of a stale term is rejected with the newer one, which the sender adopts', () => {
    const follower = aFollower({ term: 6 });
    expect(repliesIn(follower.step(aVoteRequest({ from: 2, term: 5, preVote: true })))).toMatchObject([{ granted: false, term: 6 }]);
    const asker = aPreCandidate({ id: 2, term: 5 });
    asker.step(aVoteReply({ from: 1, to: 2, term: 6, preVote: true, granted: false }));
    expect(asker.view).toMatchObject({ role: 'follower', term: 6 });
  });

  it('that is rejected by a majority makes the sender a follower again, its term unchanged', () => {
    const asker = aPreCandidate({ term: 5 });
    for (const from of [2, 3]) asker.step(aVoteReply({ from, term: 4, preVote: true, granted: false }));
    expect(asker.view).toMatchObject({ role: 'follower', term: 4 });
    expect(asker.core.nextDeadlineMs).toBeGreaterThan(asker.now);
  });

  it('does not count as a vote, nor a vote as a pre-vote', () => {
    const candidate = aCandidate({ term: 2 });
    candidate.step(aVoteReply({ from: 2, term: 3, preVote: true }));
    candidate.step(aVoteReply({ from: 2, term: 2, preVote: true }));
    expect(candidate.view.role).toBe('candidate');
    const asker = aPreCandidate({ term: 3 });
    asker.step(aVoteReply({ from: 2, term: 2 }));
    expect(asker.view.role).toBe('pre-candidate');
  });

  it('prevents a node that was cut off from raising the terms of others', () => {
    const network = new Network({ nodes: 3, seed: 3, latencyMs: 1 });
    const leader = network.electAny();
    const term = network.core(leader).view.term;
    const lonely = network.ids.find((id) => id !== leader) ?? 0;
    network.isolate(lonely);
    network.run(5_000);
    expect(network.core(lonely).view.term).toBe(term);
    network.heal();
    network.run(1_000);
    expect(network.leader()).toBe(leader);
    expect(network.core(leader).view.term).toBe(term);
  });
});

describe('while a leader is active (thesis §4.2.3)', () => {
  it.each([true, false])(
    'a follower that has just received its heartbeat rejects candidates, and keeps its term (pre-vote: %s)',
    (preVote) => {
      const follower = aFollower({ term: 2, leader: 2 });
      follower.advance(TEST_CONFIG.electionTimeoutMs - 1);
      const effects = follower.step(aVoteRequest({ from: 3, term: 9, preVote, last: { index: 9, term: 9 } }));
      expect(repliesIn(effects)).toMatchObject([{ to: 3, granted: false, term: 2 }]);
      expect(follower.view).toMatchObject({ term: 2, leader: 2 });
    },
  );

  it('a follower grants votes again once it has received nothing for the shortest timeout', () => {
    const follower = aFollower({ term: 2, leader: 2, seed: 1 });
    follower.advance(TEST_CONFIG.electionTimeoutMs);
    expect(repliesIn(follower.step(aVoteRequest({ from: 3, term: 3 })))).toMatchObject([{ to: 3, granted: true, term: 3 }]);
  });

  it.each([true, false])('the leader itself is not deposed by vote requests (pre-vote: %s)', (preVote) => {
    const leader = anEstablishedLeader({ term: 2 });
    leader.step(aVoteRequest({ from: 3, term: 9, preVote, last: { index: 9, term: 9 } }));
    expect(leader.view).toMatchObject({ role: 'leader', term: 2 });
  });

  it('the leader itself, restarted as a follower, gets votes at once', () => {
    const follower = aFollower({ term: 2, leader: 2 });
    expect(repliesIn(follower.step(aVoteRequest({ from: 2, term: 3, preVote: true })))).toMatchObject([{ to: 2, granted: true }]);
  });

  it('a candidate with a newer term deposes it by its reply to an append, not by its rejected requests', () => {
    const leader = anEstablishedLeader({ id: 2, term: 2 });
    const candidate = aCandidate({ term: 5 });
    const [reply] = repliesIn(candidate.step(anAppend({ from: 2, to: 1, term: 2 })));
    expect(reply).toMatchObject({ type: 'append-rejected', term: 5 });
    if (reply !== undefined) leader.step(reply);
    expect(leader.view).toMatchObject({ role: 'follower', term: 5 });
  });

  it('a node that reaches only some peers neither deposes it nor blocks the cluster', () => {
    const network = new Network({ nodes: 5, seed: 11, latencyMs: 1 });
    const leader = network.electAny();
    const { term } = network.core(leader).view;
    const partial = network.ids.find((id) => id !== leader) ?? 0;
    network.cut(leader, partial);
    network.cut(partial, leader);
    network.run(5_000);
    expect(network.leader()).toBe(leader);
    expect(network.core(leader).view.term).toBe(term);
    network.propose(leader);
    network.run(100);
    expect(network.core(leader).view.commit).toBe(network.core(leader).view.log.lastIndex);
  });

  it('a leader that can send but not receive is replaced by one that can do both', () => {
    const network = new Network({ nodes: 3, seed: 4, latencyMs: 1 });
    const receivesNothing = network.electAny();
    for (const id of network.ids) network.cut(id, receivesNothing);
    network.run(2_000);
    const next = network.leader();
    expect(next).not.toBe(receivesNothing);
    expect(next).toBeDefined();
  });
});

describe('notices', () => {
  it('report each change of role once', () => {
    const leader = aLeader({ term: 2 });
    const effects = leader.step(anAppend({ from: 3, term: 3 }));
    expect(effects.notices).toEqual([{ type: 'role', term: 3, role: 'follower', leader: 3 }]);
    expect(leader.step(anAppend({ from: 3, term: 3 })).notices).toEqual([]);
  });

  it('report a leader once, when a follower learns of it', () => {
    const follower = aFollower({ term: 2 });
    expect(follower.step(anAppend({ from: 2, term: 2 })).notices).toEqual([{ type: 'leader-known', term: 2, leader: 2 }]);
    expect(messagesIn(follower.step(anAppend({ from: 2, term: 2 })))).toHaveLength(1);
    expect(follower.step(anAppend({ from: 2, term: 2 })).notices).toEqual([]);
  });
});
