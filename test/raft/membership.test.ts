import { describe, expect, it } from 'vitest';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { beginChange, leaveJoint, problemWith, promote, replaceVoter } from '../../src/raft/membership.ts';
import {
  aConfiguration,
  aCore,
  aLeader,
  anAcceptance,
  anEstablishedLeader,
  aVoteReply,
  aVoteRequest,
  logOf,
  repliesIn,
  TEST_CONFIG,
} from './builders.ts';
import { changeMembers, changeOf, type PlainChange } from './change-members.ts';
import { Network } from './network.ts';
import { aNetworkWithAReplacedDisk } from './replaced-disk.ts';

const request = (network: Network, parts: PlainChange) => changeMembers(network, network.electAny(), changeOf(parts));

const votersAt = (network: Network, id: number): readonly number[] => network.core(id).view.configuration.voters;

/** Every live member has the configuration with these voters, and the leader knows it to be committed. */
function isSettled(network: Network, voters: readonly number[]): boolean {
  const leader = network.leader();
  if (leader === undefined) return false;
  const { configurations, commit } = network.core(leader).view;
  const { index, configuration } = configurations.latest;
  return index <= commit && configuration.outgoing.length === 0 && [...configuration.voters].sort().join() === voters.join();
}

const settle = (network: Network, voters: readonly number[]): void => expect(network.runUntil(() => isSettled(network, voters))).toBe(true);

describe('a membership change', () => {
  it('adds a node that first receives the log, and makes it a voter once it has caught up', () => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3] });
    request(network, { add: [4] });
    expect(network.core(network.electAny()).view.configuration.joining).toEqual([4]);
    settle(network, [1, 2, 3, 4]);
    network.run(100);
    expect(votersAt(network, 4)).toEqual([1, 2, 3, 4]);
    expect(network.core(4).view.configuration.joining).toEqual([]);
  });

  it('does not make a node a voter that does not reply', () => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3] });
    network.crash(4);
    request(network, { add: [4] });
    network.run(1_000);
    const { configuration } = network.core(network.electAny()).view;
    expect(configuration.voters).toEqual([1, 2, 3]);
    expect(configuration.joining).toEqual([4]);
  });

  it('adds several nodes at once, and removes several', () => {
    const network = new Network({ nodes: 7, initialVoters: [1, 2, 3] });
    request(network, { add: [4, 5, 6, 7] });
    settle(network, [1, 2, 3, 4, 5, 6, 7]);
    request(network, { remove: [2, 4, 6] });
    settle(network, [1, 3, 5, 7]);
  });

  it('replaces all voters in one step', () => {
    const network = new Network({ nodes: 6, initialVoters: [1, 2, 3] });
    request(network, { add: [4, 5, 6], remove: [1, 2, 3] });
    expect(network.runUntil(() => isSettled(network, [4, 5, 6]))).toBe(true);
    for (const old of [1, 2, 3]) network.crash(old);
    const leader = network.electAny();
    expect([4, 5, 6]).toContain(leader);
  });

  it('makes a removed leader transfer leadership, and step down', () => {
    const network = new Network({ nodes: 3 });
    const leader = network.electAny();
    request(network, { remove: [leader] });
    const rest = [1, 2, 3].filter((id) => id !== leader);
    expect(network.runUntil(() => network.core(leader).view.role !== 'leader', 50)).toBe(true);
    settle(network, rest);
    expect(network.leader()).not.toBe(leader);
  });

  it('stops a removed node from campaigning: it requests votes once, and learns from the rejection', () => {
    const network = new Network({ nodes: 3 });
    network.elect(1);
    request(network, { remove: [3] });
    settle(network, [1, 2]);
    expect(network.runUntil(() => network.core(3).view.isRemoved)).toBe(true);
    const { term } = network.core(1).view;
    network.inFlight = [];
    const asked: string[] = [];
    network.runUntil(() => {
      for (const { message } of network.inFlight) if (message.from === 3 && message.type === 'request-vote') asked.push(message.type);
      return false;
    }, 2_000);
    expect(asked).toEqual([]);
    expect(network.core(1).view).toMatchObject({ role: 'leader', term });
  });

  it('makes a removed node a member when it is added again', () => {
    const network = new Network({ nodes: 3 });
    network.elect(1);
    request(network, { remove: [3] });
    settle(network, [1, 2]);
    expect(network.runUntil(() => network.core(3).view.isRemoved)).toBe(true);
    request(network, { add: [3] });
    settle(network, [1, 2, 3]);
    expect(network.core(3).view.isRemoved).toBe(false);
  });

  it('is finished by the next leader when its leader fails in the joint configuration', () => {
    const network = new Network({ nodes: 5, initialVoters: [1, 2, 3] });
    network.elect(1);
    network.step(1, { type: 'change-membership', change: changeOf({ add: [4, 5] }) });
    const isJointEverywhere = () => [1, 2, 3].every((id) => network.core(id).view.configuration.outgoing.length > 0);
    expect(network.runUntil(isJointEverywhere)).toBe(true);
    network.crash(1);
    settle(network, [1, 2, 3, 4, 5]);
  });

  it('is in force as soon as it is appended, until its entry is truncated', () => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3] });
    network.elect(1);
    network.run(50);
    changeMembers(network, 1, changeOf({ remove: [3] }));
    network.isolate(1);
    expect(votersAt(network, 1)).toEqual([1, 2]);
    network.runUntil(() => network.leader() !== 1);
    network.runUntil(() => network.core(1).view.role !== 'leader');
    network.heal();
    network.electAny();
    expect(network.runUntil(() => network.core(1).view.configuration.voters.length === 3)).toBe(true);
    expect(network.core(1).view.configuration.outgoing).toEqual([]);
  });

  it('survives restarts and snapshots', () => {
    const network = new Network({ nodes: 5, initialVoters: [1, 2, 3] });
    request(network, { add: [4] });
    settle(network, [1, 2, 3, 4]);
    network.run(100);
    for (const id of [1, 2, 3, 4]) network.compact(id, 1_000);
    for (const id of [1, 2, 3, 4]) network.crash(id);
    for (const id of [1, 2, 3, 4]) network.restart(id);
    for (const id of [1, 2, 3, 4]) expect([...votersAt(network, id)].sort()).toEqual([1, 2, 3, 4]);
    // Everything that node 5 needs is compacted away: it receives the configuration from the snapshot.
    request(network, { add: [5] });
    settle(network, [1, 2, 3, 4, 5]);
  });
});

describe('a membership change is rejected', () => {
  it('by a node that does not lead', () => {
    expect(aCore().core.step({ type: 'change-membership', now: 0, change: changeOf({ add: [4] }) }).rejected).toEqual({
      reason: 'not-leader',
      leader: undefined,
    });
  });

  it('before the leader has committed an entry of its own term (the bug of 2015)', () => {
    const leader = aLeader();
    const ask = () => leader.core.step({ type: 'change-membership', now: leader.now, change: changeOf({ add: [4] }) });
    expect(ask().rejected).toEqual({ reason: 'not-ready' });
    leader.acknowledge(2, 1);
    expect(ask().proposed).toMatchObject({ index: 2 });
  });

  it('while another one is in progress', () => {
    const leader = anEstablishedLeader();
    const ask = (parts: PlainChange) => leader.changeMembers(changeOf(parts));
    ask({ learners: [4] });
    expect(ask({ learners: [5] }).rejected).toEqual({ reason: 'change-pending' });
    leader.persist();
    leader.acknowledge(2, 2);
    expect(ask({ remove: [3] }).rejected).toBeUndefined();
    leader.persist();
    leader.acknowledge(2, 3);
    expect(leader.view.commit).toBe(3);
    // Committed, but joint: the configuration after it is not.
    expect(ask({ learners: [5] }).rejected).toEqual({ reason: 'change-pending' });
  });

  it.each([
    [{ add: [2] }, 'Node 2 is a voter already'],
    [{ remove: [9] }, 'Node 9 is not a member; the members are 1, 2, 3'],
    [{ remove: [1, 2, 3] }, 'No voter would be left'],
    [{ add: [4], learners: [4] }, 'Node 4 is named twice'],
    [{ learners: [3] }, 'Node 3 is a voter. To make it a learner'],
    [{}, 'The change names no node'],
  ])('when it is invalid: %j', (parts, message) => {
    expect(problemWith(aConfiguration([1, 2, 3]), changeOf(parts))).toContain(message);
  });
});

describe('a configuration is followed', () => {
  const three = aConfiguration([1, 2, 3]);

  it('by the joint one when voters are only removed, and then by the final one', () => {
    const joint = beginChange(three, changeOf({ remove: [3] }));
    expect(joint).toMatchObject({ voters: [1, 2], outgoing: [1, 2, 3] });
    expect(leaveJoint(joint)).toMatchObject({ voters: [1, 2], outgoing: [] });
  });

  it('by one with the new disks of the nodes that become voters', () => {
    const joining = beginChange(three, changeOf({ add: [4], remove: [1] }));
    expect(joining).toMatchObject({ voters: [1, 2, 3], outgoing: [], joining: [4], leaving: [1] });
    const joint = promote(joining, [asNodeId(4)], [{ node: asNodeId(4), disk: asDiskId(77) }]);
    expect(joint).toMatchObject({ voters: [2, 3, 4], outgoing: [1, 2, 3], joining: [], leaving: [], disks: [{ node: 4, disk: 77 }] });
  });

  it('by one with a learner when a voter is demoted', () => {
    const joint = beginChange(three, changeOf({ remove: [3], learners: [3] }));
    expect(leaveJoint(joint)).toMatchObject({ voters: [1, 2], learners: [3] });
  });

  it('by the earlier one when the joining node is removed', () => {
    const joining = beginChange(three, changeOf({ add: [4], remove: [1] }));
    expect(beginChange(joining, changeOf({ remove: [4] }))).toMatchObject({ voters: [1, 2, 3], joining: [], leaving: [] });
  });

  it('by one without the voter that lost its disk, which joins again', () => {
    expect(replaceVoter(three, asNodeId(2))).toMatchObject({ voters: [1, 3], outgoing: [1, 2, 3], joining: [2] });
  });
});

describe('a voter that comes back with another disk', () => {
  const known = { disks: [{ node: asNodeId(2), disk: asDiskId(22) }] };

  it('grants no vote', () => {
    const voter = aCore({ id: 2, disk: 99, configuration: known });
    const reply = repliesIn(voter.step(aVoteRequest({ from: 1, to: 2, term: 2, voterDisk: 22 })))[0];
    expect(reply).toMatchObject({ type: 'vote-reply', granted: false });
  });

  it('does not start an election', () => {
    const voter = aCore({ id: 2, disk: 99, configuration: known });
    voter.reachDeadline();
    expect(voter.view.role).toBe('follower');
  });

  it('does not count for the commit index', () => {
    const leader = aLeader({ configuration: known });
    leader.step(anAcceptance({ from: 2, to: 1, term: leader.view.term, match: 1, disk: 99 }));
    expect(leader.view.commit).toBe(0);
    leader.step(anAcceptance({ from: 2, to: 1, term: leader.view.term, match: 1, disk: 22 }));
    expect(leader.view.commit).toBe(1);
  });

  it('is replaced like a new server, without a request', () => {
    const { network, isAccepted } = aNetworkWithAReplacedDisk();
    expect(network.runUntil(isAccepted)).toBe(true);
    settle(network, [1, 2, 3]);
    network.run(100);
    expect(network.core(2).view.log.lastIndex).toBe(network.core(1).view.log.lastIndex);
  });

  it('cannot elect a second candidate with the vote that it lost', () => {
    const network = new Network({ nodes: 3 });
    network.elect(1);
    network.propose(1);
    network.run(50);
    network.loseDisk(2);
    network.crash(1);
    network.restart(2);
    network.run(5_000);
    // Node 3 alone is no majority, whatever node 2 replies.
    expect(network.leader()).toBeUndefined();
    network.restart(1);
    settle(network, [1, 2, 3]);
  });
});

describe('a learner', () => {
  it('receives the log, does not vote and does not campaign', () => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3] });
    request(network, { learners: [4] });
    network.run(500);
    const leader = network.electAny();
    expect(network.core(4).view.log.lastIndex).toBe(network.core(leader).view.log.lastIndex);
    for (const id of [1, 2, 3]) network.crash(id);
    network.run(2_000);
    expect(network.core(4).view.role).toBe('follower');
  });

  it('of a single voter is sent nothing before that voter’s term is on disk', () => {
    const voter = aCore({ voters: [1], learners: [2] });
    const effects = voter.reachDeadline();
    expect(voter.view.role).toBe('leader');
    expect(effects.messages).toEqual([]);
    expect(effects.messagesAfterPersist.map(({ type }) => type)).toEqual(['append']);
    voter.persist();
    expect(voter.propose().messages.length + (voter.view.leading?.progress.size ?? 0)).toBeGreaterThan(0);
  });
});

describe('a candidate that receives a rejection with its removal', () => {
  it('ignores it unless that configuration is later than its own', () => {
    const candidate = aCore({ id: 3 });
    candidate.reachDeadline();
    candidate.step(aVoteReply({ from: 1, to: 3, term: 1, preVote: true, granted: false, removedBy: 0 }));
    expect(candidate.view.isRemoved).toBe(false);
    candidate.step(aVoteReply({ from: 2, to: 3, term: 1, preVote: true, granted: false, removedBy: 8 }));
    expect(candidate.view.isRemoved).toBe(true);
  });

  it('does not receive it from a node without a configuration', () => {
    const blank = aCore({ id: 2, voters: [], log: logOf(1, 1, 1), commit: 3 });
    const { messagesAfterPersist } = blank.step(aVoteRequest({ from: 3, to: 2, term: 2, last: { index: 3, term: 1 } }));
    expect(messagesAfterPersist).toMatchObject([{ type: 'vote-reply', removedBy: 0 }]);
  });

  it('accepts it from a node in any term: what is committed stays committed', () => {
    const candidate = aCore({ id: 3, term: 7 });
    candidate.reachDeadline();
    candidate.step(aVoteReply({ from: 2, to: 3, term: 6, preVote: true, granted: false, removedBy: 8 }));
    expect(candidate.view.isRemoved).toBe(true);
  });
});

describe('while a voter is being rebuilt', () => {
  /** A settled cluster of this many nodes; node 1 leads. The disks of these nodes are lost, and the channels to them closed. */
  function aNetworkWithoutDisks(nodes: number, lost: readonly number[]): Network {
    const network = new Network({ nodes });
    network.elect(1);
    network.propose(1);
    network.run(100);
    for (const node of lost) {
      network.loseDisk(node);
      for (const other of network.liveIds()) network.losePeer(other, node);
    }
    return network;
  }

  const remove = (network: Network, nodes: readonly number[]) =>
    changeMembers(network, network.leader() ?? 0, changeOf({ remove: [...nodes] }));

  it.each([
    { nodes: 3, lost: [2], removed: [3] },
    { nodes: 3, lost: [2], removed: [1] },
    { nodes: 3, lost: [2], removed: [1, 3] },
    { nodes: 4, lost: [2], removed: [3, 4] },
    { nodes: 5, lost: [2, 3], removed: [4, 5] },
  ])(
    'the others that a majority needs are not removed until it is back: $removed of $nodes without the disks of $lost',
    ({ nodes, lost, removed }) => {
      const network = aNetworkWithoutDisks(nodes, lost);
      const rejection = { reason: 'too-few-voters', present: network.liveIds() };
      expect(remove(network, removed)?.rejected).toMatchObject(rejection);
      for (const node of lost) network.restart(node);
      const isDone = () => remove(network, removed)?.proposed !== undefined;
      expect(network.runUntil(isDone)).toBe(true);
      settle(
        network,
        network.ids.filter((id) => !removed.includes(id)),
      );
    },
  );

  it('another is removed at once where the rest is a majority: of five, with two that are being rebuilt', () => {
    const network = aNetworkWithoutDisks(5, [2, 3]);
    expect(remove(network, [2])?.rejected).toBeUndefined();
    settle(network, [1, 3, 4, 5]);
  });

  it('no voters are replaced by a new one that has caught up, until the remaining ones are a majority', () => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3] });
    network.elect(1);
    network.run(100);
    network.crash(4);
    expect(request(network, { add: [4], remove: [1, 2] })?.proposed).toBeDefined();
    network.run(100);
    network.loseDisk(3);
    for (const other of network.liveIds()) network.losePeer(other, 3);
    network.restart(4);
    network.run(500);
    expect(network.core(1).view).toMatchObject({ role: 'leader', configuration: { voters: [1, 2, 3], joining: [4], leaving: [1, 2] } });
    network.restart(3);
    settle(network, [3, 4]);
  });

  it('a leader that never received a message with its disk does not count it either', () => {
    const network = aNetworkWithoutDisks(3, [2]);
    network.step(1, { type: 'transfer-leadership', to: asNodeId(3) });
    expect(network.runUntil(() => network.leader() === 3)).toBe(true);
    expect(network.electAny()).toBe(3);
    expect(remove(network, [1])?.rejected).toMatchObject({ reason: 'too-few-voters', present: [1, 3] });
    network.restart(2);
    expect(network.runUntil(() => remove(network, [1])?.proposed !== undefined)).toBe(true);
    settle(network, [2, 3]);
  });

  it('a voter that has been silent for an election timeout does not count', () => {
    const leader = anEstablishedLeader();
    leader.advance(TEST_CONFIG.electionTimeoutMs + 1);
    leader.acknowledge(3, 1);
    const { rejected } = leader.core.step({ type: 'change-membership', now: leader.now, change: changeOf({ remove: [3] }) });
    expect(rejected).toEqual({ reason: 'too-few-voters', present: [1, 3], voters: [1, 2, 3] });
  });
});
