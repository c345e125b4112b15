import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/base/bytes.ts';
import {
  asGeneration,
  counterOf,
  isAccepted,
  lifeOf,
  makeGeneration,
  openedGeneration,
  raisedGeneration,
} from '../../src/base/generation.ts';
import { asDiskId, asIndex, asNodeId } from '../../src/base/ids.ts';
import { readConfiguration, writeConfiguration } from '../../src/raft/configuration-codec.ts';
import type { Configuration } from '../../src/raft/entry.ts';
import {
  aCore,
  aFollower,
  aLeader,
  anAcceptance,
  anAppend,
  appendsIn,
  aRejection,
  aVoteReply,
  aVoteRequest,
  repliesIn,
  type TestCore,
} from './builders.ts';

/** The generation with that counter, in that life. */
const at = (counter: number, life = 7) => makeGeneration(counter, life);
const FIVE = [1, 2, 3, 4, 5];
const disksOf = (generation?: number, nodes: readonly number[] = [1, 2, 3]) =>
  nodes.map((node) => ({
    node: asNodeId(node),
    disk: asDiskId(100 + node),
    ...(generation === undefined ? {} : { generation: asGeneration(generation) }),
  }));

function roundTrip(configuration: Configuration): Configuration {
  const writer = new ByteWriter(64);
  writeConfiguration(writer, configuration);
  return readConfiguration(new ByteReader(writer.copy()));
}

const accept = (leader: TestCore, from: number, match: number, generation: number, round = 1) =>
  leader.step(anAcceptance({ from, to: 1, term: leader.view.term, match, disk: 100 + from, generation, round }));
/** A leader of five whose no-op, entry 1, is on its own disk; all lives are recorded with counter 5. */
function aLeaderOfFive(): TestCore {
  return aLeader({ disk: 101, generation: at(5), voters: FIVE, configuration: { disks: disksOf(at(5), FIVE) } });
}
const recordOf = (core: TestCore, node: number) => core.view.configuration.disks.find((known) => known.node === node)?.generation;

describe('a generation', () => {
  it('is accepted in the recorded life, and from a later opening', () => {
    expect(isAccepted(at(5, 7), at(5, 7))).toBe(true);
    expect(isAccepted(at(5, 7), at(4, 7))).toBe(true);
    expect(isAccepted(at(5, 7), at(6, 8))).toBe(true);
  });

  it('is not accepted from a copy that is older than the record', () => {
    expect(isAccepted(at(5, 7), at(5, 8))).toBe(false);
    expect(isAccepted(at(5, 7), at(4, 8))).toBe(false);
  });

  it('is raised in its life by more than many openings add, each of which begins another life', () => {
    expect(raisedGeneration(at(5, 7))).toBe(at(69, 7));
    expect(openedGeneration(at(5, 7), 9)).toBe(at(6, 9));
    expect(counterOf(at(6, 9))).toBe(6);
    let copy = at(5, 7);
    for (let opening = 0; opening < 64; opening += 1) {
      copy = openedGeneration(copy, lifeOf(opening + 100));
      expect(isAccepted(at(69, 7), copy)).toBe(false);
    }
    for (const random of [0, 2 ** 18 - 2, 2 ** 18 - 1, 2 ** 46]) {
      expect(lifeOf(random)).toBeGreaterThan(0);
      expect(lifeOf(random)).toBeLessThan(2 ** 18);
    }
  });

  it('is part of the configuration; without any, the configuration is encoded as before generations existed', () => {
    const parts = { voters: [asNodeId(1)], outgoing: [], learners: [], joining: [], leaving: [] };
    const [first, second] = disksOf(at(5));
    const mixed = { ...parts, disks: [{ node: asNodeId(1), disk: asDiskId(101) }, second ?? { node: asNodeId(2), disk: asDiskId(9) }] };
    expect(roundTrip({ ...parts, disks: first === undefined ? [] : [first] }).disks).toEqual([first]);
    expect(roundTrip(mixed)).toEqual(mixed);
    const old = new ByteWriter(64);
    for (const nodes of [[1], [], [], [], []]) {
      old.u32(nodes.length);
      for (const node of nodes) old.f64(node);
    }
    old.u32(1);
    old.f64(1);
    old.f64(101);
    const written = new ByteWriter(64);
    writeConfiguration(written, { ...parts, disks: [{ node: asNodeId(1), disk: asDiskId(101) }] });
    expect(written.copy()).toEqual(old.copy());
  });
});

describe('a leader', () => {
  it('records later generations of its voters, its own included, one entry at a time', () => {
    const leader = aLeader({ disk: 101, generation: at(3), configuration: { disks: disksOf() } });
    accept(leader, 2, 1, at(5));
    expect([1, 2, 3].map((node) => recordOf(leader, node))).toEqual([at(3), at(5), undefined]);
    accept(leader, 2, 1, at(6));
    expect(recordOf(leader, 2)).toBe(at(5));
    leader.persist();
    accept(leader, 2, leader.view.log.lastIndex, at(6));
    expect(recordOf(leader, 2)).toBe(at(6));
    const { lastIndex } = leader.view.log;
    leader.persist();
    accept(leader, 2, lastIndex, at(5));
    expect(leader.view.log.lastIndex).toBe(lastIndex);
  });

  it('does not count acknowledgements of an older copy of a voter’s disk', () => {
    const leader = aLeader({ disk: 101, generation: at(3), configuration: { disks: disksOf(at(5)) } });
    accept(leader, 2, 1, at(5, 8));
    expect(leader.view.commit).toBe(0);
    accept(leader, 2, 1, at(6, 9));
    expect(recordOf(leader, 2)).toBe(at(6, 9));
    leader.persist();
    accept(leader, 2, 2, at(6, 9));
    expect(leader.view.commit).toBe(2);
  });

  it('counts a later opening of a voter’s disk from its record on, not with earlier acknowledgements of others: they may have reopened theirs since', () => {
    const leader = aLeaderOfFive();
    accept(leader, 2, 1, at(5));
    accept(leader, 3, 1, at(6, 9));
    expect(recordOf(leader, 3)).toBe(at(6, 9));
    leader.persist();
    accept(leader, 3, 2, at(6, 9));
    expect(leader.view.commit).toBe(0);
    accept(leader, 2, 2, at(5));
    expect(leader.view.commit).toBe(2);
    // Its record is committed: from now on it counts like any other voter.
    leader.propose();
    leader.persist();
    accept(leader, 4, 3, at(5));
    accept(leader, 3, 3, at(6, 9));
    expect(leader.view.commit).toBe(3);
  });

  it('does not count acknowledgements of a later opening while its own record is uncommitted, either', () => {
    const leader = aLeaderOfFive();
    for (const from of [2, 4]) accept(leader, from, 1, at(5));
    expect(leader.view.commit).toBe(1);
    leader.propose();
    leader.persist();
    accept(leader, 2, 2, at(5));
    // The record is entry 3.
    accept(leader, 3, 2, at(6, 9));
    leader.persist();
    accept(leader, 3, 3, at(6, 9));
    expect(leader.view.commit).toBe(1);
    accept(leader, 4, 2, at(5));
    expect(leader.view.commit).toBe(2);
    accept(leader, 4, 3, at(5));
    expect(leader.view.commit).toBe(3);
  });

  it('confirms no read by the reply of a life with an uncommitted record and an earlier reply of another voter', () => {
    const leader = aLeaderOfFive();
    for (const from of [2, 4]) accept(leader, from, 1, at(5));
    const asked = leader.core.step({ type: 'read', now: leader.now, batch: 7, lease: false });
    const round = appendsIn(asked)[0]?.round ?? 0;
    accept(leader, 2, 1, at(5), round);
    expect(accept(leader, 3, 1, at(6, 9), round).readable).toEqual([]);
    leader.persist();
    expect(accept(leader, 3, 2, at(6, 9), round).readable).toEqual([]);
    expect(accept(leader, 2, 2, at(5), round).readable).toMatchObject([{ batch: 7 }]);
  });

  it('commits after a restart of all nodes, by records that wait neither for its term nor for each other', () => {
    const leader = aLeaderOfFive();
    accept(leader, 2, 1, at(6, 9));
    accept(leader, 3, 1, at(6, 10));
    expect([2, 3].map((node) => recordOf(leader, node))).toEqual([at(6, 9), at(6, 10)]);
    leader.persist();
    accept(leader, 2, 3, at(6, 9));
    expect(leader.view.commit).toBe(0);
    accept(leader, 3, 3, at(6, 10));
    expect(leader.view.commit).toBe(3);
  });

  it('counts the reopening of a voter during a membership change, and does not alter the change', () => {
    const leader = aLeaderOfFive();
    for (const from of [2, 3, 4, 5]) accept(leader, from, 1, at(5));
    const change = { add: [], remove: [5, 4].map(asNodeId), learners: [] };
    leader.changeMembers(change);
    leader.persist();
    accept(leader, 2, 1, at(6, 9));
    const { voters, outgoing } = leader.view.configuration;
    expect([voters, outgoing]).toEqual([[1, 2, 3], FIVE]);
    leader.persist();
    for (const from of [2, 3]) accept(leader, from, 3, from === 2 ? at(6, 9) : at(5));
    expect(leader.view.commit).toBe(3);
    expect(leader.view.configuration).toMatchObject({ voters: [1, 2, 3], outgoing: [] });
  });

  it('records each opening once, while a copy older than the record and the original disk reply alternately', () => {
    const leader = aLeaderOfFive();
    const [disk, copy] = [at(70), at(6, 9)];
    for (let turn = 0; turn < 50; turn += 1) {
      accept(leader, 3, 0, copy);
      leader.persist();
      accept(leader, 3, 0, disk);
      leader.persist();
    }
    expect(recordOf(leader, 3)).toBe(disk);
    expect(leader.view.log.lastIndex).toBeLessThanOrEqual(3);
    const { lastIndex } = leader.view.log;
    accept(leader, 3, lastIndex, copy);
    accept(leader, 2, lastIndex, at(5));
    expect(leader.view.commit).toBe(0);
    accept(leader, 3, lastIndex, disk);
    expect(leader.view.commit).toBe(lastIndex);
  });

  it('drops the acknowledgements of another life of the disk, until they are repeated', () => {
    const leader = aLeader({ disk: 101, configuration: { disks: disksOf(at(5)) } });
    accept(leader, 2, 1, at(5));
    accept(leader, 2, 0, at(6, 8));
    expect(leader.progressOf(2).match).toBe(0);
  });
});

describe('a leader, while a voter is reopened before others have acknowledged the record of its last opening,', () => {
  /**
   * In every four turns: the first shows another opening of `opened`, which acknowledges nothing; there are two commands. `others`
   * acknowledge the log of twelve turns before.
   */
  function keepOpening(leader: TestCore, opened: number, others: readonly number[], isOver: () => boolean, turnsMax = 400): void {
    const ends: number[] = [];
    for (let turn = 0; turn < turnsMax && !isOver(); turn += 1) {
      if (turn % 2 === 0) leader.propose();
      leader.persist();
      const next = 1 + counterOf(recordOf(leader, opened) ?? at(0));
      if (turn % 4 === 0) accept(leader, opened, 0, at(next, next + 10));
      leader.persist();
      ends.push(leader.view.log.lastIndex);
      const match = ends[turn - 12];
      for (const from of match === undefined ? [] : others) {
        if (!isOver()) accept(leader, from, match ?? 0, at(5));
        leader.persist();
      }
    }
  }
  const settles = (leader: TestCore): boolean => leader.view.configuration.outgoing.length === 0;
  /** All have acknowledged the log of a leader of five; then it is asked to change members. */
  function aLeaderThatRemoves(node: number): TestCore {
    const leader = aLeaderOfFive();
    for (const from of [2, 3, 4, 5]) accept(leader, from, 1, at(5));
    leader.changeMembers({ add: [], remove: [asNodeId(node)], learners: [] });
    expect(settles(leader)).toBe(false);
    return leader;
  }

  it('commits by the acknowledgements of the other voters', () => {
    const leader = aLeader({ disk: 101, generation: at(5), configuration: { disks: disksOf(at(4, 6)) } });
    keepOpening(leader, 3, [2], () => leader.view.commit >= 100);
    expect(leader.view.commit).toBeGreaterThanOrEqual(100);
    expect(leader.view.log.lastIndex - leader.view.commit).toBeLessThan(20);
  });

  it('counts each opening from its own record on, and not only from the last record on', () => {
    const leader = aLeaderOfFive();
    accept(leader, 3, 1, at(6, 9));
    accept(leader, 4, 1, at(6, 10));
    leader.persist();
    const { configurations } = leader.view;
    expect([2, 3].map((index) => configurations.at(asIndex(index)).index)).toEqual([2, 3]);
    accept(leader, 4, 2, at(6, 10));
    accept(leader, 2, 2, at(5));
    expect(leader.view.commit).toBe(0);
    // Node 3 counts from entry 2 on, node 4 from entry 3 on.
    accept(leader, 3, 2, at(6, 9));
    expect(leader.view.commit).toBe(2);
    leader.propose();
    leader.persist();
    accept(leader, 4, 4, at(6, 10));
    expect(leader.view.commit).toBe(2);
    accept(leader, 2, 4, at(5));
    expect(leader.view.commit).toBe(4);
  });

  it('leaves the joint configuration once that is committed, and accepts the next change', () => {
    const leader = aLeaderThatRemoves(4);
    keepOpening(leader, 5, [2, 3], () => settles(leader));
    expect(leader.view.configuration).toMatchObject({ voters: [1, 2, 3, 5], outgoing: [] });
    const { commit } = leader.view;
    expect(leader.view.configurations.at(commit).configuration).toMatchObject({ voters: [1, 2, 3, 5], outgoing: FIVE });
    const ask = () => leader.changeMembers({ add: [], remove: [], learners: [asNodeId(4)] });
    // The step out of it is not committed.
    expect(ask().rejected).toMatchObject({ reason: 'change-pending' });
    const { lastIndex } = leader.view.log;
    keepOpening(leader, 5, [2, 3], () => leader.view.commit >= lastIndex);
    expect(leader.view.configurations.latest.index).toBeGreaterThan(leader.view.commit);
    expect(ask().rejected).toBeUndefined();
  });

  it('steps down once the configuration without it is committed', () => {
    const leader = aLeaderThatRemoves(1);
    keepOpening(leader, 5, [2, 3, 4], () => leader.view.role !== 'leader');
    expect(leader.view).toMatchObject({ role: 'follower', isRemoved: true });
    expect(leader.view.configurations.latest.index).toBeGreaterThan(leader.view.commit);
    expect(leader.view.configurations.at(leader.view.commit).configuration).toMatchObject({ voters: [2, 3, 4, 5], outgoing: [] });
  });
});

describe('a leader that removed itself and then recorded the opening of another voter, when it is replaced', () => {
  /** Entry 3 is the configuration without it, entry 4 the record; neither is committed. */
  function aReplacedLeader(): TestCore {
    const leader = aLeader({ disk: 101, generation: at(5), configuration: { disks: disksOf(at(5)) } });
    for (const from of [2, 3]) accept(leader, from, 1, at(5));
    leader.changeMembers({ add: [], remove: [asNodeId(1)], learners: [] });
    leader.persist();
    for (const from of [2, 3]) accept(leader, from, 2, at(5));
    leader.persist();
    accept(leader, 2, 2, at(6, 9));
    expect(leader.view.configuration).toMatchObject({ voters: [2, 3], outgoing: [] });
    expect(leader.view.log.lastIndex).toBe(4);
    leader.persist();
    leader.step(aRejection({ from: 3, to: 1, term: leader.view.term + 1, rejected: 2 }));
    return leader;
  }

  it('still starts elections, since perhaps no other node has these entries', () => {
    const node = aReplacedLeader();
    node.reachDeadline();
    expect(node.view).toMatchObject({ role: 'pre-candidate', commit: 2 });
  });

  it('learns from a rejected pre-vote that it is removed, although its log has a later configuration', () => {
    const node = aReplacedLeader();
    node.reachDeadline();
    node.step(aVoteReply({ from: 3, to: 1, term: node.view.term, preVote: true, granted: false, removedBy: 3 }));
    expect(node.view.isRemoved).toBe(true);
  });
});

describe('a node whose file was restored from an older copy', () => {
  const copy = { id: 2, disk: 102, generation: at(5, 8) };

  it('stops before it votes, once a candidate has a later record of its disk', () => {
    const voter = aCore({ ...copy, configuration: { disks: disksOf(at(4)) } });
    const effects = voter.step(aVoteRequest({ from: 1, to: 2, term: 2, voterDisk: 102, voterGeneration: at(5) }));
    expect(effects.rolledBack).toBe(at(5));
    expect(repliesIn(effects)).toEqual([]);
  });

  it('stops once its log has a later record of its disk', () => {
    const leader = aLeader({ disk: 101, generation: at(3), configuration: { disks: disksOf(at(5)) } });
    leader.persist();
    accept(leader, 3, 1, at(9));
    const entries = leader.view.log.between(leader.view.log.compacted.index, leader.view.log.lastIndex);
    const follower = aFollower({ ...copy, configuration: { disks: disksOf(at(4)) } });
    expect(follower.step({ ...anAppend({ from: 1, to: 2, term: leader.view.term }), entries }).rolledBack).toBe(at(5));
  });

  it('stops as a leader when a follower has entries from it that it lacks', () => {
    const leader = aLeader({ disk: 101, generation: at(3) });
    const match = leader.view.log.lastIndex + 1;
    expect(() => accept(leader, 2, match, at(5))).toThrow(expect.objectContaining({ follower: 2, acknowledged: match, last: match - 1 }));
  });

  it('is distinguished from a later opening of the file, which votes', () => {
    const voter = aCore({ ...copy, generation: at(6, 9), configuration: { disks: disksOf(at(4)) } });
    const effects = voter.step(aVoteRequest({ from: 1, to: 2, term: 2, voterDisk: 102, voterGeneration: at(5) }));
    expect(effects.rolledBack).toBeUndefined();
    expect(repliesIn(effects)[0]).toMatchObject({ type: 'vote-reply', granted: true });
  });
});
