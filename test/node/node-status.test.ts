import { describe, expect, it } from 'vitest';
import { makeGeneration } from '../../src/base/generation.ts';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { nodeStatus } from '../../src/node/node-status.ts';
import { aLeader, anAcceptance, type TestCore } from '../raft/builders.ts';
import { changeOf } from '../raft/change-members.ts';

const statusOf = (node: TestCore) => nodeStatus(node.view, node.view.commit);

describe('the status of a leader', () => {
  const before = makeGeneration(5, 7);
  const disks = [1, 2, 3].map((node) => ({ node: asNodeId(node), disk: asDiskId(100 + node), generation: before }));
  /** Its first entry is committed. */
  function aLeaderOfThree(): TestCore {
    const leader = aLeader({ disk: 101, generation: before, configuration: { disks } });
    for (const from of [2, 3]) accept(leader, from, 1);
    return leader;
  }

  function accept(leader: TestCore, from: number, match: number, generation: number = before): void {
    const { term } = leader.view;
    leader.step(anAcceptance({ from, to: 1, term, match, disk: 100 + from, generation }));
    leader.persist();
  }

  it('is settled until members change, and again once the last step of the change is committed', () => {
    const leader = aLeaderOfThree();
    expect(statusOf(leader)).toMatchObject({ isSettled: true, voters: [1, 2, 3], outgoing: [] });
    leader.changeMembers(changeOf({ remove: [3] }));
    leader.persist();
    expect(statusOf(leader)).toMatchObject({ isSettled: false, voters: [1, 2], outgoing: [1, 2, 3] });
    accept(leader, 2, 2);
    expect(statusOf(leader)).toMatchObject({ isSettled: false, voters: [1, 2], outgoing: [] });
    accept(leader, 2, 3);
    expect(statusOf(leader)).toMatchObject({ isSettled: true, voters: [1, 2], outgoing: [] });
  });

  it('is settled while only a generation record of a voter is uncommitted', () => {
    const leader = aLeaderOfThree();
    const { lastIndex } = leader.view.log;
    accept(leader, 3, 1, makeGeneration(6, 9));
    expect(leader.view.log.lastIndex).toBeGreaterThan(lastIndex);
    expect(leader.view.commit).toBeLessThan(leader.view.log.lastIndex);
    expect(statusOf(leader).isSettled).toBe(true);
  });

  it('is not settled while a change precedes such a record, and another change is rejected then', () => {
    const leader = aLeaderOfThree();
    leader.changeMembers(changeOf({ add: [4] }));
    leader.persist();
    accept(leader, 3, 1, makeGeneration(6, 9));
    expect(statusOf(leader)).toMatchObject({ isSettled: false, joining: [4] });
    expect(leader.changeMembers(changeOf({ remove: [4] })).rejected).toEqual({ reason: 'change-pending' });
    accept(leader, 2, 2);
    expect(leader.view.commit).toBeLessThan(leader.view.log.lastIndex);
    expect(statusOf(leader).isSettled).toBe(true);
    expect(leader.changeMembers(changeOf({ remove: [4] })).rejected).toBeUndefined();
    expect(statusOf(leader)).toMatchObject({ isSettled: false, joining: [] });
  });
});
