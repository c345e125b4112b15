import { describe, expect, it } from 'vitest';
import { makeGeneration } from '../../src/base/generation.ts';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import type { Effects } from '../../src/raft/effects.ts';
import { aFollower, aLeader, anAcceptance, type TestCore } from './builders.ts';
import { Network } from './network.ts';
import { aNetworkWithAReplacedDisk } from './replaced-disk.ts';

const disksOf = (nodes: readonly number[]) => nodes.map((node) => ({ node: asNodeId(node), disk: asDiskId(100 + node) }));

/** The leader of three, whose followers have replied to the current round with their disks. */
function aLeaderOfThree(): TestCore {
  const leader = aLeader({ disk: 101, configuration: { disks: disksOf([1, 2, 3]) } });
  for (const from of [2, 3]) reply(leader, from, { round: leader.core.view.log.lastIndex });
  return leader;
}

function reply(leader: TestCore, from: number, parts: { round: number; match?: number; disk?: number; generation?: number }): void {
  const { match = leader.view.log.lastIndex, disk = 100 + from, generation = 0, round } = parts;
  leader.step(anAcceptance({ from, to: leader.id, term: leader.view.term, match, disk, generation, round }));
}

/** @returns the rejection, and the round that the request began, if any. */
function ask(leader: TestCore, node: number, question = 1): { readonly rejected: Effects['rejected']; readonly round: number | undefined } {
  const { rejected, messages } = leader.core.step({ type: 'rebuild', now: leader.now, node: asNodeId(node), question });
  const begun = messages.find((message) => message.type === 'append');
  return { rejected, round: begun?.type === 'append' ? begun.round : undefined };
}

describe('a node’s disk may be discarded', () => {
  it('once a majority without it replied to a round that began after the request', () => {
    const leader = aLeaderOfThree();
    const { rejected, round = 0 } = ask(leader, 2);
    expect(rejected).toMatchObject({ reason: 'too-few-copies', node: 2, holders: [1], voters: [1, 2, 3] });
    reply(leader, 3, { round: round - 1 });
    expect(ask(leader, 2).rejected).toMatchObject({ holders: [1] });
    reply(leader, 3, { round });
    expect(ask(leader, 2)).toEqual({ rejected: undefined, round: undefined });
    // Replies from before the next request do not count for it.
    expect(ask(leader, 2, 2).rejected).toMatchObject({ holders: [1] });
  });

  it('not where one of them lost its own: a node that is being rebuilt does not count', () => {
    const leader = aLeaderOfThree();
    const { round = 0 } = ask(leader, 2);
    reply(leader, 3, { round, disk: 999, match: 0 });
    expect(ask(leader, 2).rejected).toMatchObject({ reason: 'too-few-copies', holders: [1] });
  });

  it('not where one of them lacks what is committed', () => {
    const leader = aLeaderOfThree();
    leader.propose();
    leader.persist();
    reply(leader, 2, { round: 0 });
    expect(leader.view.commit).toBe(2);
    const { round = 0 } = ask(leader, 2);
    reply(leader, 3, { round, match: 1 });
    expect(ask(leader, 2).rejected).toMatchObject({ reason: 'too-few-copies', holders: [1] });
    reply(leader, 3, { round, match: 2 });
    expect(ask(leader, 2).rejected).toBeUndefined();
  });

  it('while another voter’s generation record is uncommitted: majorities stay the same, and that voter does not count as a copy yet', () => {
    const voters = [1, 2, 3, 4, 5];
    const leader = aLeader({ disk: 101, voters, configuration: { disks: disksOf(voters) } });
    for (const from of [2, 3]) reply(leader, from, { round: 0 });
    reply(leader, 5, { round: 0, generation: makeGeneration(6, 9) });
    leader.persist();
    expect(leader.view.configurations.latest.index).toBeGreaterThan(leader.view.commit);
    const { round = 0 } = ask(leader, 2);
    reply(leader, 3, { round, match: 1 });
    reply(leader, 5, { round, match: 1, generation: makeGeneration(6, 9) });
    expect(ask(leader, 2).rejected).toMatchObject({ reason: 'too-few-copies', holders: [1, 3] });
    reply(leader, 4, { round, match: 1 });
    expect(ask(leader, 2).rejected).toBeUndefined();
  });

  it('never of one of two voters', () => {
    const leader = aLeader({ voters: [1, 2] });
    leader.acknowledge(2, 1);
    const { round = 0 } = ask(leader, 2);
    reply(leader, 2, { round, disk: 0 });
    expect(ask(leader, 2).rejected).toMatchObject({ reason: 'too-few-copies', holders: [1] });
  });

  it('never, finally, where the others are no majority of the voters and the leader knows that it still leads', () => {
    const leader = aLeader({ voters: [1, 2] });
    leader.acknowledge(2, 1);
    const { rejected, round = 0 } = ask(leader, 2);
    expect(rejected).toMatchObject({ isFinal: false });
    reply(leader, 2, { round: round - 1, disk: 0 });
    expect(ask(leader, 2).rejected).toMatchObject({ isFinal: false });
    reply(leader, 2, { round, disk: 0 });
    expect(ask(leader, 2).rejected).toMatchObject({ isFinal: true });
    expect(ask(leader, 1, 2).rejected).toMatchObject({ isFinal: false });
  });

  it.each([
    ['the others are a majority that may yet have everything', [1, 2, 3], []],
    ['a node is about to become a voter', [1, 2], [4]],
  ])('not yet, where %s', (_why, voters, joining) => {
    const leader = aLeader({ voters, configuration: { joining: joining.map(asNodeId) } });
    leader.acknowledge(2, 1);
    const { round = 0 } = ask(leader, 2);
    reply(leader, 2, { round, disk: 0 });
    expect(ask(leader, 2).rejected).toMatchObject({ reason: 'too-few-copies', holders: [1], isFinal: false });
  });

  it('for a node without a vote only if the leader still leads: another leader may have made it a voter', () => {
    const leader = aLeaderOfThree();
    const { rejected, round = 0 } = ask(leader, 7);
    expect(rejected).toMatchObject({ reason: 'too-few-copies', node: 7, holders: [1] });
    reply(leader, 3, { round });
    expect(ask(leader, 7).rejected).toBeUndefined();
  });

  it('not while voters are leaving: the remaining ones may be no majority without it', () => {
    const network = new Network({ nodes: 4, initialVoters: [1, 2, 3] });
    network.elect(1);
    network.run(50);
    const replace = { add: [asNodeId(4)], remove: [asNodeId(1), asNodeId(2)], learners: [] };
    network.crash(4);
    expect(network.step(1, { type: 'change-membership', change: replace })?.proposed).toBeDefined();
    network.run(50);
    const askNow = () => network.step(1, { type: 'rebuild', node: asNodeId(3), question: 1 })?.rejected;
    askNow();
    network.run(50);
    expect(askNow()).toEqual({ reason: 'change-pending' });
    network.restart(4);
    const isComplete = () => network.liveIds().every((id) => network.core(id).view.configuration.voters.toSorted().join() === '3,4');
    expect(network.runUntil(isComplete)).toBe(true);
  });

  it('only if the leader permits it', () => {
    expect(ask(aFollower({ leader: 2 }), 3).rejected).toEqual({ reason: 'not-leader', leader: 2 });
  });
});

describe('a voter whose disk was lost', () => {
  it('stays a voter until the new disk has caught up, so that the lost one can be put back', () => {
    const { network, isAccepted } = aNetworkWithAReplacedDisk();
    const isCaughtUp = () => network.core(2).view.log.lastIndex >= network.core(1).view.log.lastIndex;
    const isReplaced = () => !network.core(1).view.configuration.voters.includes(asNodeId(2));
    expect(network.runUntil(() => isCaughtUp() || isReplaced())).toBe(true);
    expect(isCaughtUp()).toBe(true);
    expect(network.runUntil(isAccepted)).toBe(true);
  });
});
