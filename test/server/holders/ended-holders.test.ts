import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../../src/base/ids.ts';
import { endedHolders, type MemberHolders } from '../../../src/server/holders/ended-holders.ts';
import { aConfiguration } from '../../raft/builders.ts';

const GRACE_MS = 30_000;
const HOLDER = 7;

/** The report of a node that has run for long. */
function reporting(ended: readonly number[] = [], open: readonly number[] = [], knownForMs = 1_000_000): MemberHolders {
  return { type: 'reported', knownForMs, open, ended: ended.map((agoMs) => ({ holder: HOLDER, agoMs })) };
}
const UNKNOWN: MemberHolders = { type: 'unknown' };
const lostFor = (forMs: number): MemberHolders => ({ type: 'unreachable', forMs });

/** Whether the leases of the holder are released, by what the nodes 1, 2 and so on report. */
function isReleased(members: readonly MemberHolders[], leadingForMs = 1_000_000, voters = members.map((_, at) => at + 1)): boolean {
  const configuration = aConfiguration(voters);
  const byNode = new Map(members.map((member, at) => [asNodeId(at + 1), member]));
  return endedHolders({ leadingForMs, configuration, members: byNode }, GRACE_MS).includes(HOLDER);
}

describe('the leases of a process are released', () => {
  it('once a member saw its end, a grace ago, and no member has a channel of it', () => {
    expect(isReleased([reporting(), reporting([30_000]), reporting()])).toBe(true);
    expect(isReleased([reporting(), reporting([29_999]), reporting()])).toBe(false);
    expect(isReleased([reporting(), reporting(), reporting()])).toBe(false);
  });

  it('not while it has a channel to another node', () => {
    expect(isReleased([reporting([60_000]), reporting(), reporting([], [HOLDER])])).toBe(false);
    expect(isReleased([reporting([60_000]), reporting(), reporting([], [8])])).toBe(true);
  });

  it('a grace after the end of its last channel, not of its first', () => {
    expect(isReleased([reporting([90_000]), reporting([10_000]), reporting()])).toBe(false);
    expect(isReleased([reporting([90_000]), reporting([40_000]), reporting([31_000])])).toBe(true);
  });

  it('not while a member does not say whom it sees, as one of an earlier release', () => {
    expect(isReleased([reporting([60_000]), reporting([60_000]), UNKNOWN])).toBe(false);
  });

  it('not by a leader that has led, with these members, for less than a grace', () => {
    const members = [reporting([60_000]), reporting(), reporting()];
    expect(isReleased(members, 29_999)).toBe(false);
    expect(isReleased(members, 30_000)).toBe(true);
  });

  it('not by the word of a node that was started less than a grace ago: it does not know whom it saw before', () => {
    expect(isReleased([reporting([60_000]), reporting(), reporting([], [], 29_999)])).toBe(false);
    expect(isReleased([reporting([60_000]), reporting(), reporting([], [], 30_000)])).toBe(true);
  });

  it('not if it was seen last before a member became unreachable: it may be connected there', () => {
    expect(isReleased([reporting([60_000]), reporting(), lostFor(59_000)])).toBe(false);
    expect(isReleased([reporting([60_000]), reporting(), lostFor(60_000)])).toBe(false);
    expect(isReleased([reporting([60_000]), reporting(), lostFor(61_000)])).toBe(true);
    expect(isReleased([reporting([60_000]), reporting(), reporting(), lostFor(61_000), lostFor(59_000)])).toBe(false);
  });

  it('not by a leader that a majority does not reply to: its clients may be at another leader', () => {
    expect(isReleased([reporting([60_000]), lostFor(90_000), lostFor(90_000)])).toBe(false);
    // Learners do not count.
    expect(isReleased([reporting([60_000]), reporting(), lostFor(90_000), lostFor(90_000)], 1_000_000, [1, 3, 4])).toBe(false);
    expect(isReleased([reporting([60_000])])).toBe(true);
  });
});
