import { describe, expect, it } from 'vitest';
import {
  aFollower,
  aLeader,
  anAppend,
  anEstablishedLeader,
  appendsIn,
  aRejection,
  indexesOf,
  logOf,
  messagesIn,
  repliesIn,
  TEST_CONFIG,
} from './builders.ts';
import { Network } from './network.ts';

/** AppendEntries to node 2, as [prev index, indexes of the entries]. */
const toSecond = (effects: Parameters<typeof appendsIn>[0]): [number, number[]][] =>
  appendsIn(effects)
    .filter((message) => message.to === 2)
    .map((message) => [message.prev.index, indexesOf(message)]);

describe('a leader’s proposal (Raft §5.3)', () => {
  it('is appended, and sent to all with the index and term before it', () => {
    const leader = anEstablishedLeader({ term: 3, log: logOf(1, 2) });
    const effects = leader.propose();
    expect(effects.proposed).toEqual({ index: 4, term: 3 });
    expect(effects.append).toMatchObject({ from: 4, entries: [{ index: 4, term: 3, kind: 'command' }] });
    expect(appendsIn(effects)).toMatchObject(
      [2, 3].map((to) => ({ to, term: 3, prev: { index: 3, term: 3 }, entries: [{ index: 4, term: 3 }], commit: 3 })),
    );
  });

  it('may be sent before it is on the leader’s own disk (thesis §10.2.1)', () => {
    const effects = anEstablishedLeader().propose();
    expect(effects.messages).toHaveLength(2);
    expect(effects.messagesAfterPersist).toEqual([]);
  });

  it('shares its bytes with the log: they are not copied', () => {
    const leader = anEstablishedLeader();
    const data = Uint8Array.of(1, 2, 3);
    const effects = leader.core.step({ type: 'propose', now: leader.now, data });
    expect(effects.append?.entries[0]?.data).toBe(data);
  });

  it('is rejected by a follower, which names the leader', () => {
    const effects = aFollower({ leader: 3 }).propose();
    expect(effects.rejected).toEqual({ reason: 'not-leader', leader: 3 });
    expect(effects.append).toBeUndefined();
    expect(aFollower().propose().rejected).toEqual({ reason: 'not-leader', leader: undefined });
  });

  it('never changes existing entries of the leader: it only appends (Leader Append-Only)', () => {
    const leader = anEstablishedLeader({ log: logOf(1, 1) });
    const before = leader.terms;
    for (let count = 0; count < 5; count += 1) leader.propose();
    leader.step(aRejection({ from: 2, term: 2, rejected: 8, hint: { index: 0, term: 0 } }));
    expect(leader.terms.slice(0, before.length)).toEqual(before);
    expect(leader.view.log.lastIndex).toBe(8);
  });
});

describe('the bound of uncommitted bytes', () => {
  const bounded = () => anEstablishedLeader({ config: { uncommittedBytesMax: 100 } });

  it('rejects a proposal beyond it, which does not enter the log', () => {
    const leader = bounded();
    expect(leader.propose(60).rejected).toBeUndefined();
    const effects = leader.propose(41);
    expect(effects).toMatchObject({ rejected: { reason: 'overloaded', uncommittedBytes: 60 }, proposed: undefined, append: undefined });
    expect(messagesIn(effects)).toEqual([]);
    expect(leader.propose(40).rejected).toBeUndefined();
  });

  it('allows one proposal, however large', () => {
    expect(bounded().propose(1000).rejected).toBeUndefined();
  });

  it('frees bytes as entries commit', () => {
    const leader = bounded();
    const last = leader.propose(100).proposed?.index ?? 0;
    expect(leader.propose(1).rejected).toBeDefined();
    leader.persist();
    leader.acknowledge(2, last);
    expect(leader.view.leading?.uncommittedBytes).toBe(0);
    expect(leader.propose(100).rejected).toBeUndefined();
  });

  it('counts what a new leader found uncommitted in its log', () => {
    const leader = aLeader({ log: logOf(1, 1, 1).map((id) => ({ ...id, bytes: 30 })), commit: 1 });
    expect(leader.view.leading?.uncommittedBytes).toBe(60);
  });
});

describe('a follower that is being probed', () => {
  it('receives one append at a time, from the end of the leader’s log', () => {
    const leader = aLeader({ log: logOf(1, 1) });
    expect(leader.progressOf(2)).toMatchObject({ state: 'probe', probeSent: true, match: 0 });
    expect(appendsIn(leader.propose())).toEqual([]);
    expect(appendsIn(leader.propose())).toEqual([]);
  });

  it('receives a stream of appends once it accepts', () => {
    const leader = aLeader({ log: logOf(1, 1) });
    leader.propose();
    expect(toSecond(leader.acknowledge(2, 3))).toEqual([[3, [4]]]);
    expect(leader.progressOf(2)).toMatchObject({ state: 'replicate', match: 3, next: 5 });
    expect(toSecond(leader.propose())).toEqual([[4, [5]]]);
  });

  it('receives the next probe after its reply to a heartbeat when the first was lost', () => {
    const leader = aLeader({ log: logOf(1, 1) });
    leader.advance(TEST_CONFIG.heartbeatMs);
    const beat = leader.reachDeadline();
    expect(toSecond(beat)).toEqual([[2, []]]);
    expect(toSecond(leader.acknowledge(2, 2))).toEqual([[2, [3]]]);
  });

  it('reports by its hint where the logs agree', () => {
    const leader = aLeader({ term: 5, log: logOf(1, 1, 1, 4, 4) });
    const effects = leader.step(aRejection({ from: 2, term: 5, rejected: 5, hint: { index: 2, term: 1 } }));
    expect(toSecond(effects)).toEqual([[2, [3, 4, 5, 6]]]);
  });

  it('keeps its next index on a repeated or late rejection', () => {
    const leader = aLeader({ term: 5, log: logOf(1, 1, 1, 4, 4) });
    const rejection = aRejection({ from: 2, term: 5, rejected: 5, hint: { index: 2, term: 1 } });
    leader.step(rejection);
    expect(messagesIn(leader.step(rejection))).toEqual([]);
    expect(leader.progressOf(2)).toMatchObject({ state: 'probe', next: 3 });
  });

  it('is never probed before what it acknowledged', () => {
    const leader = anEstablishedLeader({ term: 5, log: logOf(1, 1, 1, 4, 4) });
    const effects = leader.step(aRejection({ from: 2, term: 5, rejected: 5, hint: { index: 2, term: 1 } }));
    expect(messagesIn(effects)).toEqual([]);
    expect(leader.progressOf(2)).toMatchObject({ state: 'replicate', match: 6, next: 7 });
  });
});

describe('conflict backtracking skips a whole term with one exchange (Raft §5.3)', () => {
  /** Number of rejections until the follower accepts. */
  function exchanges(leaderTerms: number[], followerTerms: number[]): number {
    const leader = aLeader({ id: 1, term: 9, log: logOf(...leaderTerms) });
    const follower = aFollower({ id: 2, term: 8, log: logOf(...followerTerms) });
    let rejections = 0;
    const first = aLeaderProbe(leader, leaderTerms);
    let message: ReturnType<typeof appendsIn>[number] | undefined = first;
    for (let round = 0; round < 100 && message !== undefined; round += 1) {
      const [reply] = repliesIn(follower.step(message));
      if (reply === undefined) break;
      if (reply.type === 'append-rejected') rejections += 1;
      message = appendsIn(leader.step(reply)).find((next) => next.to === 2);
    }
    expect(follower.terms).toEqual(leader.terms);
    return rejections;
  }

  const aLeaderProbe = (leader: ReturnType<typeof aLeader>, terms: number[]) =>
    anAppend({
      from: 1,
      to: 2,
      term: 9,
      prev: { index: terms.length, term: terms.at(-1) ?? 0 },
      entries: [{ index: leader.view.log.lastIndex, term: 9 }],
    });

  const times = (count: number, term: number): number[] => new Array<number>(count).fill(term);

  it('of the follower: a hundred entries of an unknown term cost one', () => {
    expect(exchanges([1, ...times(100, 5)], [1, ...times(100, 3)])).toBe(1);
  });

  it('of the leader: a hundred entries the follower lacks cost one', () => {
    expect(exchanges(times(200, 4), times(100, 4))).toBe(1);
  });

  it('of both, interleaved: no more exchanges than terms', () => {
    expect(exchanges([1, ...times(30, 4), ...times(30, 6)], [1, ...times(20, 2), ...times(20, 3), ...times(20, 5)])).toBeLessThanOrEqual(4);
  });
});

describe('the window of messages in flight to a follower', () => {
  it('bounds the messages', () => {
    const leader = anEstablishedLeader({ config: { inflightMessagesMax: 3 } });
    const sent = Array.from({ length: 5 }, () => toSecond(leader.propose()).length);
    expect(sent).toEqual([1, 1, 1, 0, 0]);
    expect(leader.progressOf(2)).toMatchObject({ inflightMessages: 3, next: 5 });
  });

  it('bounds the bytes, and is exceeded by at most one message', () => {
    const leader = anEstablishedLeader({ config: { inflightBytesMax: 100 } });
    const sent = Array.from({ length: 4 }, () => toSecond(leader.propose(60)).length);
    expect(sent).toEqual([1, 1, 0, 0]);
    expect(leader.progressOf(2).inflightBytes).toBe(120);
  });

  it('opens with an acknowledgement, and the rest is sent as one message', () => {
    const leader = anEstablishedLeader({ config: { inflightMessagesMax: 2 } });
    for (let count = 0; count < 5; count += 1) leader.propose();
    expect(toSecond(leader.acknowledge(2, 2))).toEqual([[3, [4, 5, 6]]]);
  });

  it('is freed by one acknowledgement for all earlier messages', () => {
    const leader = anEstablishedLeader({ config: { inflightMessagesMax: 3 } });
    for (let count = 0; count < 3; count += 1) leader.propose(5);
    leader.acknowledge(2, 4);
    expect(leader.progressOf(2)).toMatchObject({ inflightMessages: 0, inflightBytes: 0, match: 4 });
  });

  it('is not opened by a stale acknowledgement', () => {
    const leader = anEstablishedLeader({ config: { inflightMessagesMax: 2 } });
    for (let count = 0; count < 4; count += 1) leader.propose();
    expect(messagesIn(leader.acknowledge(2, 1))).toEqual([]);
    expect(leader.progressOf(2)).toMatchObject({ inflightMessages: 2, match: 1 });
  });

  it('of one follower does not delay another', () => {
    const leader = anEstablishedLeader({ config: { inflightMessagesMax: 1 } });
    leader.propose();
    leader.acknowledge(3, 2);
    expect(appendsIn(leader.propose()).map((message) => message.to)).toEqual([3]);
  });
});

describe('the size of one AppendEntries', () => {
  it('is bounded, and the rest goes into further messages', () => {
    const leader = aLeader({ log: [1, 2, 3, 4].map((index) => ({ index, term: 1, bytes: 40 })), config: { messageBytesMax: 100 } });
    leader.step(aRejection({ from: 2, term: 2, rejected: 4 }));
    expect(toSecond(leader.acknowledge(2, 0))).toEqual([
      [0, [1, 2]],
      [2, [3, 4, 5]],
    ]);
  });

  it('is exceeded only by a single larger entry', () => {
    const leader = anEstablishedLeader({ config: { messageBytesMax: 10 } });
    expect(toSecond(leader.propose(5000))).toEqual([[1, [2]]]);
  });
});

describe('an AppendEntries that was lost', () => {
  it('is discovered by the heartbeat, which names the last entry that was sent', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.propose();
    leader.advance(TEST_CONFIG.heartbeatMs);
    expect(toSecond(leader.reachDeadline())).toEqual([[3, []]]);
    const resent = leader.step(aRejection({ from: 2, term: 2, rejected: 3, hint: { index: 1, term: 2 } }));
    expect(toSecond(resent)).toEqual([[1, [2, 3]]]);
    expect(leader.progressOf(2)).toMatchObject({ state: 'probe', inflightMessages: 0 });
  });

  it('is sent again without a further proposal', () => {
    const network = new Network({ nodes: 3, seed: 2, latencyMs: 1 });
    const leader = network.electAny();
    network.propose(leader, 1);
    network.drop((message) => message.type === 'append');
    const { log } = network.core(leader).view;
    const hasAll = () => network.ids.every((id) => network.core(id).view.commit === log.lastIndex);
    expect(network.runUntil(hasAll, 20 * TEST_CONFIG.heartbeatMs)).toBe(true);
  });
});

describe('a follower whose channel closed', () => {
  it('is probed again from its last acknowledgement, once it replies', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.losePeer(2);
    expect(leader.progressOf(2)).toMatchObject({ state: 'probe', match: 0, next: 2, inflightMessages: 0 });
    expect(toSecond(leader.propose())).toEqual([]);
    leader.advance(TEST_CONFIG.heartbeatMs);
    expect(toSecond(leader.reachDeadline())).toEqual([[1, []]]);
    expect(toSecond(leader.acknowledge(2, 1))).toEqual([[1, [2, 3]]]);
  });

  it('may come back with an empty disk, and is rebuilt from the start', () => {
    const leader = anEstablishedLeader({ term: 2, log: logOf(1, 1) });
    leader.losePeer(2);
    leader.advance(TEST_CONFIG.heartbeatMs);
    expect(toSecond(leader.reachDeadline())).toEqual([[3, []]]);
    expect(toSecond(leader.step(aRejection({ from: 2, term: 2, rejected: 3 })))).toEqual([[0, [1, 2, 3]]]);
    expect(toSecond(leader.acknowledge(2, 3))).toEqual([]);
    expect(leader.progressOf(2)).toMatchObject({ state: 'replicate', match: 3 });
  });

  it('does not lower the commit index', () => {
    const leader = anEstablishedLeader({ log: logOf(1, 1) });
    leader.losePeer(2);
    leader.losePeer(3);
    expect(leader.persist().commit).toBeUndefined();
    expect(leader.view.commit).toBe(3);
  });

  it('that is unknown has no effect', () => {
    const leader = anEstablishedLeader();
    expect(messagesIn(leader.losePeer(9))).toEqual([]);
  });
});

describe('an acknowledgement past the leader’s log', () => {
  it('breaks an invariant', () => {
    const leader = anEstablishedLeader();
    expect(() => leader.acknowledge(2, 99)).toThrow(/node 2 acknowledges 99/);
  });

  it('from a node that is no member is ignored', () => {
    const leader = aLeader();
    leader.acknowledge(9, 1);
    expect(leader.view.commit).toBe(0);
  });
});
