import { describe, expect, it } from 'vitest';
import { asIndex, asTerm } from '../../src/base/ids.ts';
import { InvariantViolation } from '../../src/base/invariant.ts';
import { checkNodePointers } from '../../src/node/pointer-chain.ts';
import { RaftLog } from '../../src/raft/log.ts';
import { NodeTable } from './node-table.ts';

/** The entries 4 to 9, of which the disk has those up to 8. */
function aLog(): RaftLog {
  const entryAt = (index: number) => ({ index: asIndex(index), term: asTerm(1), kind: 'command' as const, data: new Uint8Array() });
  const log = new RaftLog({ index: asIndex(3), term: asTerm(1) }, [4, 5, 6, 7, 8].map(entryAt));
  log.append(entryAt(9));
  return log;
}

const check = (checkpoint: number, applied: number, commit: number) => () =>
  checkNodePointers({ log: aLog(), commit: asIndex(commit) }, asIndex(checkpoint), asIndex(applied));

describe('the order of the pointers compacted <= checkpoint <= applied <= commit, and checkpoint <= persisted', () => {
  it.each([
    { checkpoint: 3, applied: 3, commit: 3 },
    { checkpoint: 4, applied: 6, commit: 8 },
    { checkpoint: 8, applied: 9, commit: 9 },
  ])('holds for checkpoint $checkpoint, applied $applied, commit $commit', ({ checkpoint, applied, commit }) => {
    expect(check(checkpoint, applied, commit)).not.toThrow();
  });

  it.each([
    { what: 'the checkpoint is before what was compacted', checkpoint: 2, applied: 5, commit: 6 },
    { what: 'the checkpoint covers what is not applied', checkpoint: 6, applied: 5, commit: 6 },
    { what: 'an entry was applied that is not committed', checkpoint: 4, applied: 7, commit: 6 },
    { what: 'the checkpoint covers what is not on disk', checkpoint: 9, applied: 9, commit: 9 },
  ])('is broken if $what', ({ checkpoint, applied, commit }) => {
    expect(check(checkpoint, applied, commit)).toThrow(InvariantViolation);
    expect(check(checkpoint, applied, commit)).toThrow(
      `compacted 3, checkpoint ${checkpoint}, applied ${applied}, commit ${commit}, persisted 8`,
    );
  });
});

describe('a node', () => {
  it('stops at the end of a turn if its log was compacted past its checkpoint', () => {
    const table = new NodeTable([1]);
    const leader = table.leader();
    const node = table.node(leader);
    expect(() => node.turn()).not.toThrow();
    node.view.log.compact(node.view.commit);
    expect(() => node.turn()).toThrow(`compacted ${node.view.commit}, checkpoint 0, applied ${node.applied}`);
  });
});
