import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../src/base/ids.ts';
import { asIndex } from '../../src/base/ids.ts';
import type { Configuration } from '../../src/raft/entry.ts';
import { isVoter, majorityOf, membersOf, quorumIndex, voteResult } from '../../src/raft/quorum.ts';
import { aConfiguration } from './builders.ts';

const anyNode = (id: number): NodeId => id as NodeId;

/** `y` granted, `n` rejected, `.` no reply yet: one letter for each of nodes 1, 2, 3, … */
const outcome = (configuration: Configuration, letters: string) =>
  voteResult(configuration, (voter) => {
    const letter = letters[voter - 1] ?? '.';
    return letter === '.' ? undefined : letter === 'y';
  });

const committed = (configuration: Configuration, matches: readonly number[]) =>
  quorumIndex(configuration, (voter) => asIndex(matches[voter - 1] ?? 0));

describe('a majority', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
    [6, 4],
    [7, 4],
    [13, 7],
    [51, 26],
  ])('of %i is %i', (count, majority) => {
    expect(majorityOf(Array.from({ length: count }, (_, offset) => anyNode(offset + 1)))).toBe(majority);
  });
});

describe('voteResult', () => {
  it.each([
    [[1], '.', 'pending'],
    [[1], 'y', 'won'],
    [[1], 'n', 'lost'],
    [[1, 2], 'y.', 'pending'],
    [[1, 2], 'yn', 'lost'],
    [[1, 2], 'n.', 'lost'],
    [[1, 2], 'yy', 'won'],
    [[1, 2, 3], '...', 'pending'],
    [[1, 2, 3], 'y..', 'pending'],
    [[1, 2, 3], 'n..', 'pending'],
    [[1, 2, 3], 'yn.', 'pending'],
    [[1, 2, 3], 'yy.', 'won'],
    [[1, 2, 3], 'yyn', 'won'],
    [[1, 2, 3], 'nn.', 'lost'],
    [[1, 2, 3], 'nny', 'lost'],
    [[1, 2, 3, 4], 'yy..', 'pending'],
    [[1, 2, 3, 4], 'yynn', 'lost'],
    [[1, 2, 3, 4], 'yyy.', 'won'],
    [[1, 2, 3, 4, 5], 'yynn.', 'pending'],
    [[1, 2, 3, 4, 5], 'yyynn', 'won'],
    [[1, 2, 3, 4, 5], 'nnn..', 'lost'],
  ] as const)('of %j with %s is %s', (voters, letters, expected) => {
    expect(outcome(aConfiguration(voters), letters)).toBe(expected);
  });

  it.each([
    [[1, 2, 3], [4, 5, 6], 'yy.yy.', 'won'],
    [[1, 2, 3], [4, 5, 6], 'yy.y..', 'pending'],
    [[1, 2, 3], [4, 5, 6], 'yyy...', 'pending'],
    [[1, 2, 3], [4, 5, 6], 'yyynn.', 'lost'],
    [[1, 2, 3], [4, 5, 6], 'nn.yyy', 'lost'],
    [[1, 2, 3], [4, 5, 6], 'nn....', 'lost'],
    [[1, 2, 3], [4, 5, 6], 'y..y..', 'pending'],
    [[1, 2, 3], [3, 4, 5], '..y...', 'pending'],
    [[1, 2, 3], [3, 4, 5], 'y.yy.', 'won'],
    [[1, 2, 3], [1, 2, 3], 'yy.', 'won'],
    [[1, 2, 3], [1], 'yy.', 'won'],
    [[1, 2, 3], [1], '.yy', 'pending'],
    [[1, 2, 3], [1], 'nyy', 'lost'],
  ] as const)('of the joint %j and %j with %s is %s', (voters, outgoing, letters, expected) => {
    expect(outcome(aConfiguration(voters, outgoing), letters)).toBe(expected);
    expect(outcome(aConfiguration(outgoing, voters), letters)).toBe(expected);
  });

  it('does not count learners', () => {
    expect(outcome(aConfiguration([1, 2, 3], [], [4]), 'y..y')).toBe('pending');
    expect(outcome(aConfiguration([1, 2, 3], [], [4]), 'yy.n')).toBe('won');
  });
});

describe('quorumIndex', () => {
  it.each([
    [[1], [7], 7],
    [[1, 2], [7, 3], 3],
    [[1, 2, 3], [0, 0, 0], 0],
    [[1, 2, 3], [9, 0, 0], 0],
    [[1, 2, 3], [9, 5, 0], 5],
    [[1, 2, 3], [5, 9, 7], 7],
    [[1, 2, 3], [5, 5, 5], 5],
    [[1, 2, 3, 4], [1, 2, 3, 4], 2],
    [[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 3],
    [[1, 2, 3, 4, 5], [10, 9, 100, 2, 11], 10],
    [[2, 3], [99, 4, 6], 4],
  ] as const)('of %j with matches %j is %i', (voters, matches, expected) => {
    expect(committed(aConfiguration(voters), matches)).toBe(expected);
  });

  it.each([
    [[1, 2, 3], [4, 5, 6], [9, 9, 9, 4, 4, 4], 4],
    [[1, 2, 3], [4, 5, 6], [9, 9, 0, 7, 0, 0], 0],
    [[1, 2, 3], [4, 5, 6], [3, 5, 9, 8, 6, 1], 5],
    [[1, 2, 3], [1, 2, 4], [6, 5, 9, 0], 5],
    [[1, 2, 3], [1], [2, 9, 9], 2],
  ] as const)('of the joint %j and %j with matches %j is %i', (voters, outgoing, matches, expected) => {
    expect(committed(aConfiguration(voters, outgoing), matches)).toBe(expected);
    expect(committed(aConfiguration(outgoing, voters), matches)).toBe(expected);
  });

  it('compares numerically, not as text', () => {
    expect(committed(aConfiguration([1, 2, 3]), [9, 10, 100])).toBe(10);
  });

  it('does not change the configuration', () => {
    const configuration = aConfiguration([3, 1, 2]);
    committed(configuration, [1, 2, 3]);
    expect(configuration.voters).toEqual([3, 1, 2]);
  });
});

describe('the membership', () => {
  const configuration = aConfiguration([1, 2, 3], [3, 4], [5]);

  it('contains voters of both sets and learners, each once', () => {
    expect(membersOf(configuration)).toEqual([1, 2, 3, 4, 5]);
  });

  it('gives a vote only to members of one of the two sets', () => {
    expect([1, 3, 4, 5, 6].map((id) => isVoter(configuration, anyNode(id)))).toEqual([true, true, true, false, false]);
  });
});
