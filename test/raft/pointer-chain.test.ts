import { describe, expect, it } from 'vitest';
import { asIndex, asTerm, ZERO_ENTRY } from '../../src/base/ids.ts';
import { InvariantViolation } from '../../src/base/invariant.ts';
import { RaftLog } from '../../src/raft/log.ts';
import { checkPointers } from '../../src/raft/pointer-chain.ts';
import { aFollower, anAppend, anEstablishedLeader } from './builders.ts';

const entryAt = (index: number) => ({ index: asIndex(index), term: asTerm(1), kind: 'command' as const, data: new Uint8Array() });

/** A log with the entries in (compacted, last], all of them persisted. */
const aLog = (compacted: number, last: number): RaftLog =>
  new RaftLog(
    { index: asIndex(compacted), term: asTerm(1) },
    Array.from({ length: last - compacted }, (_, at) => entryAt(compacted + 1 + at)),
  );

describe('the order of the pointers compacted <= commit <= last', () => {
  it.each([3, 4, 6])('holds for commit %i of a log from 3 to 6', (commit) => {
    expect(() => checkPointers({ log: aLog(3, 6), commit: asIndex(commit) })).not.toThrow();
  });

  it.each([
    { what: 'commit is past the end of the log', commit: 7, says: 'commit 7, persisted 6, last 6' },
    { what: 'commit is before what was compacted', commit: 2, says: 'compacted 3, commit 2' },
  ])('is broken if $what', ({ commit, says }) => {
    const check = () => checkPointers({ log: aLog(3, 6), commit: asIndex(commit) });
    expect(check).toThrow(InvariantViolation);
    expect(check).toThrow(says);
  });
});

describe('the order of the pointers compacted <= persisted <= last', () => {
  it.each([
    { what: 'persisted is past the end of the log', persisted: 7 },
    { what: 'persisted is before what was compacted', persisted: 2 },
  ])('is broken if $what', ({ persisted }) => {
    class WrongLog extends RaftLog {
      override get persisted() {
        return asIndex(persisted);
      }
    }
    const log = new WrongLog({ index: asIndex(3), term: asTerm(1) }, [entryAt(4), entryAt(5), entryAt(6)]);
    expect(() => checkPointers({ log, commit: asIndex(4) })).toThrow(`compacted 3, commit 4, persisted ${persisted}, last 6`);
  });
});

describe('a core', () => {
  it('stops at once if its storage says that more is committed than it has', () => {
    expect(() => aFollower({ term: 1, log: [{ index: 1, term: 1 }], commit: 2 })).toThrow('commit 2, persisted 1, last 1');
  });

  it('stops at the next event if a committed entry has left its log', () => {
    const follower = aFollower({ term: 1, leader: 2 });
    follower.step(anAppend({ from: 2, term: 1, entries: [{ index: 1, term: 1 }], commit: 1 }));
    expect(follower.view.commit).toBe(1);
    follower.view.log.truncate(asIndex(1));
    expect(() => follower.step(anAppend({ from: 2, term: 1, prev: ZERO_ENTRY }))).toThrow('commit 1, persisted 0, last 0');
  });

  it('stops at the next event if its log was compacted past what is committed', () => {
    const leader = anEstablishedLeader();
    leader.propose();
    leader.persist();
    leader.view.log.compact(leader.view.log.lastIndex);
    expect(() => leader.reachDeadline()).toThrow('compacted 2, commit 1');
  });
});
