import { describe, expect, it } from 'vitest';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { AwaitedVote, isCounted } from '../../src/server/own-vote.ts';

const nodes = (...ids: readonly number[]) => ids.map(asNodeId);

/** Node 3 in a configuration. @param disk of the voter, where the node has the disk 7. */
const aView = ({ disk = 7, voters = [1, 2, 3], outgoing = [] as readonly number[], hasLeader = true, isRemoved = false } = {}) => ({
  ...{ id: asNodeId(3), disk: asDiskId(7), isRemoved, leader: hasLeader ? asNodeId(1) : undefined },
  configuration: configurationOf({
    ...{ voters: nodes(...voters), outgoing: nodes(...outgoing) },
    disks: [{ node: asNodeId(3), disk: asDiskId(disk) }],
  }),
});

describe('the vote of a node', () => {
  it('counts with the disk of the voter, while there is a leader', () => {
    expect(isCounted(aView())).toBe(true);
    expect(isCounted(aView({ disk: 8 }))).toBe(false);
    expect(isCounted(aView({ voters: [1, 2] }))).toBe(false);
    expect(isCounted(aView({ hasLeader: false }))).toBe(false);
    expect(isCounted(aView({ isRemoved: true }))).toBe(false);
  });

  it('does not count alone while a majority of the voters before a change is needed, too', () => {
    expect(isCounted(aView({ outgoing: [1, 2] }))).toBe(false);
  });

  it('is awaited by a node that starts without one, until it has it', () => {
    const vote = new AwaitedVote(aView({ disk: 8 }));
    expect([aView({ disk: 8 }), aView({ voters: [1, 2] }), aView({ outgoing: [1, 2] })].map((view) => vote.isGained(view))).toEqual([
      false,
      false,
      false,
    ]);
    expect([aView(), aView()].map((view) => vote.isGained(view))).toEqual([true, false]);
  });

  it('is not awaited by a node that starts with one', () => {
    const vote = new AwaitedVote(aView({ hasLeader: false }));
    expect(vote.isGained(aView())).toBe(false);
  });
});
