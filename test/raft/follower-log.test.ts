import { describe, expect, it } from 'vitest';
import type { PlainId } from './builders.ts';
import { aFollower, anAppend, anEntry, idOf, logOf, nothing, repliesIn } from './builders.ts';

const commits = (follower: ReturnType<typeof aFollower>): number => follower.view.commit;

describe('a follower’s commit index (Raft §5.3)', () => {
  // [entries in one message, leader's commit, follower's commit]
  it.each([
    [1, 1, 1],
    [2, 2, 2],
    [2, 1, 1],
    [2, 9, 2],
    [3, 0, 0],
  ] as const)('after %i entries and a leader’s commit of %i is %i', (count, commit, expected) => {
    const follower = aFollower({ term: 1 });
    const effects = follower.step(anAppend({ entries: logOf(...new Array<number>(count).fill(1)), commit }));
    expect(commits(follower)).toBe(expected);
    expect(effects.commit).toBe(expected === 0 ? undefined : expected);
  });

  it('never passes prev + entries, whatever else its log contains (Raft Figure 2)', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1, 1, 1, 1) });
    follower.step(anAppend({ term: 2, prev: { index: 1, term: 1 }, entries: [{ index: 2, term: 1 }], commit: 5 }));
    expect(commits(follower)).toBe(2);
    follower.step(anAppend({ term: 2, prev: { index: 3, term: 1 }, commit: 5 }));
    expect(commits(follower)).toBe(3);
  });

  it('never goes back, and advances in order', () => {
    const follower = aFollower({ term: 1, log: logOf(1, 1, 1) });
    const seen = [2, 1, 3, 0].map((commit) => follower.step(anAppend({ prev: { index: 3, term: 1 }, commit })).commit);
    expect(seen).toEqual([2, undefined, 3, undefined]);
    expect(commits(follower)).toBe(3);
  });

  it('does not advance with a rejected append', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1) });
    follower.step(anAppend({ term: 2, prev: { index: 2, term: 2 }, commit: 2 }));
    expect(commits(follower)).toBe(0);
  });

  it('is sent to a leader that probes before it, and no committed entry is overwritten', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1, 1), commit: 3 });
    const effects = follower.step(anAppend({ term: 2, prev: { index: 1, term: 1 }, entries: [{ index: 2, term: 1 }], commit: 3 }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', match: 3 }]);
    expect(effects.append).toBeUndefined();
  });

  it('may lie within a message: only the entries after it are taken', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1), commit: 2 });
    const effects = follower.step(anAppend({ term: 2, entries: logOf(1, 1, 2, 2), commit: 3 }));
    expect(effects.append).toMatchObject({ from: 3, entries: [{ index: 3 }, { index: 4 }] });
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', match: 4 }]);
    expect(commits(follower)).toBe(3);
  });

  it('protects committed entries: a conflict there breaks an invariant, and the error names it', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1), commit: 1 });
    follower.step(anAppend({ term: 2, prev: { index: 2, term: 1 }, commit: 2 }));
    expect(() => follower.step(anAppend({ term: 2, prev: { index: 2, term: 2 } }))).not.toThrow();
    expect(follower.terms).toEqual([1, 1]);
  });
});

describe('the predecessor of an append (Raft §5.3)', () => {
  // [follower's terms, prev, accepted, hint]
  it.each([
    [[1, 2], { index: 0, term: 0 }, true, undefined],
    [[1, 2], { index: 1, term: 1 }, true, undefined],
    [[1, 2], { index: 2, term: 2 }, true, undefined],
    [[1, 2], { index: 1, term: 4 }, false, { index: 1, term: 1 }],
    [[1, 2], { index: 3, term: 3 }, false, { index: 2, term: 2 }],
    [[1, 2], { index: 3, term: 1 }, false, { index: 1, term: 1 }],
    [[1, 1, 3, 3, 3], { index: 4, term: 2 }, false, { index: 2, term: 1 }],
    [[3, 3], { index: 2, term: 2 }, false, { index: 0, term: 0 }],
  ] as const)('against the log %j with %j: accepted %s, hint %j', (terms, prev, accepted, hint) => {
    const follower = aFollower({ term: 5, log: logOf(...terms) });
    const effects = follower.step(anAppend({ term: 5, prev }));
    expect(repliesIn(effects)).toMatchObject([
      accepted ? { type: 'append-accepted', match: prev.index } : { type: 'append-rejected', rejected: prev.index, hint },
    ]);
    expect(follower.terms).toEqual(terms);
  });

  it('matches a snapshot’s last entry', () => {
    const follower = aFollower({ term: 5, compacted: { index: 4, term: 3 } });
    const effects = follower.step(anAppend({ term: 5, prev: { index: 4, term: 3 }, entries: [{ index: 5, term: 5 }] }));
    expect(repliesIn(effects)).toMatchObject([{ type: 'append-accepted', match: 5 }]);
  });
});

describe('a follower’s entries (Raft §5.3)', () => {
  // [log before, prev, entries' terms, log after, what is written]
  it.each([
    [[1, 2], { index: 2, term: 2 }, [3], [1, 2, 3], 3],
    [[1, 2], { index: 1, term: 1 }, [3, 4], [1, 3, 4], 2],
    [[1, 2], nothing, [1], [1, 2], undefined],
    [[1, 2], nothing, [1, 2], [1, 2], undefined],
    [[1, 2], nothing, [1, 2, 3], [1, 2, 3], 3],
    [[1, 2, 2], nothing, [3], [3], 1],
    [[1, 2, 2, 2], { index: 1, term: 1 }, [2, 3], [1, 2, 3], 3],
    [[], nothing, [1, 1], [1, 1], 1],
  ] as const)('%j, after %j and %j, are %j, written from %s', (before, prev, terms, after, from) => {
    const follower = aFollower({ term: 4, log: logOf(...before) });
    const entries = terms.map((term, offset) => ({ index: prev.index + 1 + offset, term }));
    const effects = follower.step(anAppend({ term: 4, prev, entries }));
    expect(follower.terms).toEqual(after);
    expect(effects.append?.from).toBe(from);
    if (from !== undefined) expect(effects.append?.entries.map((entry) => entry.term)).toEqual(after.slice(from - 1));
  });

  it('are acknowledged only once they are on disk', () => {
    const effects = aFollower().step(anAppend({ entries: logOf(1) }));
    expect(effects.messages).toEqual([]);
    expect(effects.messagesAfterPersist).toMatchObject([{ type: 'append-accepted', match: 1 }]);
  });

  it('are deleted only from a conflict on, and the deletion is reported', () => {
    const follower = aFollower({ term: 3, log: logOf(1, 1, 2, 2) });
    const effects = follower.step(
      anAppend({
        term: 3,
        prev: { index: 1, term: 1 },
        entries: [
          { index: 2, term: 1 },
          { index: 3, term: 3 },
        ],
      }),
    );
    expect(effects.notices).toContainEqual({ type: 'truncated', from: 3 });
    expect(follower.terms).toEqual([1, 1, 3]);
  });

  it('are not deleted by duplicated, permuted or stale appends of one leader', () => {
    const all = logOf(1, 1, 2, 2, 3, 3);
    const prefix = (end: number): PlainId[] => all.slice(0, end);
    const appends = [1, 2, 3, 4, 5, 6].flatMap((end) => [
      anAppend({ term: 3, entries: prefix(end), commit: Math.max(0, end - 2) }),
      anAppend({ term: 3, prev: all[end - 1] ?? nothing, entries: all.slice(end), commit: 1 }),
    ]);
    for (let shift = 0; shift < appends.length; shift += 1) {
      const follower = aFollower({ term: 3 });
      let longest = 0;
      for (let place = 0; place < 3 * appends.length; place += 1) {
        const message = appends[(place * 5 + shift) % appends.length];
        if (message !== undefined) follower.step(message);
        expect(follower.view.log.lastIndex).toBeGreaterThanOrEqual(longest);
        longest = follower.view.log.lastIndex;
      }
      expect(follower.terms).toEqual([1, 1, 2, 2, 3, 3]);
    }
  });

  it('are not changed by an append of a stale term, which is rejected', () => {
    const follower = aFollower({ term: 3, log: logOf(3) });
    follower.step(anAppend({ term: 2, entries: logOf(2, 2) }));
    expect(follower.terms).toEqual([3]);
  });
});

describe('the persisted index', () => {
  it('is the end of the stored log at the start, without later entries', () => {
    const follower = aFollower({ log: logOf(1, 1) });
    follower.step(anAppend({ prev: { index: 2, term: 1 }, entries: [{ index: 3, term: 1 }] }));
    expect(follower.view.log.persisted).toBe(2);
    follower.persist();
    expect(follower.view.log.persisted).toBe(3);
  });

  it('goes back with a truncation', () => {
    const follower = aFollower({ term: 2, log: logOf(1, 1, 1) });
    follower.step(
      anAppend({
        term: 2,
        prev: { index: 1, term: 1 },
        entries: [
          { index: 2, term: 2 },
          { index: 3, term: 2 },
        ],
      }),
    );
    expect(follower.view.log).toMatchObject({ persisted: 1, lastIndex: 3 });
  });

  it('ignores a completion of entries that were truncated meanwhile (ABA)', () => {
    const follower = aFollower({ term: 1 });
    follower.step(anAppend({ term: 1, entries: logOf(1, 1) }));
    const stale = follower.view.log.last;
    follower.step(anAppend({ from: 3, term: 2, entries: logOf(2, 2) }));
    follower.persist(stale);
    expect(follower.view.log.persisted).toBe(0);
    follower.persist({ index: 2, term: 2 });
    expect(follower.view.log.persisted).toBe(2);
  });

  it('never goes back with an older completion', () => {
    const follower = aFollower({ log: logOf(1, 1, 1) });
    follower.persist({ index: 1, term: 1 });
    expect(follower.view.log.persisted).toBe(3);
  });
});

describe('compaction', () => {
  it('moves the window, keeps the last term, and changes nothing else', () => {
    const follower = aFollower({ term: 3, log: logOf(1, 2, 3, 3), commit: 3 });
    const effects = follower.compact(2);
    expect(effects.append).toBeUndefined();
    const { log } = follower.view;
    expect(log).toMatchObject({ compacted: { index: 2, term: 2 }, firstIndex: 3, lastIndex: 4 });
    expect([1, 2, 3, 4, 5].map((index) => log.termAt(idOf({ index, term: 0 }).index))).toEqual([undefined, 2, 3, 3, undefined]);
  });

  it('does nothing if it is repeated or older than the last one', () => {
    const follower = aFollower({ term: 3, log: logOf(1, 2, 3), commit: 3 });
    follower.compact(2);
    follower.compact(1);
    follower.compact(2);
    expect(follower.view.log.compacted).toEqual({ index: 2, term: 2 });
  });

  it('of the whole log leaves an empty log that can be appended to', () => {
    const follower = aFollower({ term: 3, log: logOf(1, 2, 3), commit: 3 });
    follower.compact(3);
    follower.step(anAppend({ term: 3, prev: { index: 3, term: 3 }, entries: [{ index: 4, term: 3 }] }));
    expect(follower.terms).toEqual([3]);
  });

  it('past the commit index breaks an invariant', () => {
    const follower = aFollower({ term: 3, log: logOf(1, 2, 3), commit: 1 });
    expect(() => follower.compact(2)).toThrow(/passes the commit index/);
  });

  it('past the persisted index breaks an invariant', () => {
    const follower = aFollower();
    follower.step(anAppend({ entries: logOf(1, 1), commit: 2 }));
    expect(() => follower.compact(2)).toThrow(/passes what is persisted/);
  });
});

describe('a log', () => {
  it('with a gap on disk does not start', () => {
    expect(() =>
      aFollower({
        log: [
          { index: 1, term: 1 },
          { index: 3, term: 1 },
        ],
      }),
    ).toThrow(/has 3 where 2 belongs/);
  });

  it('slices by bytes, and always returns at least one entry', () => {
    const { log } = aFollower({ log: [1, 2, 3].map((index) => ({ index, term: 1, bytes: 10 })) }).view;
    const sliced = (bytesMax: number) => log.slice(log.firstIndex, bytesMax).map((entry) => entry.index);
    expect([0, 9, 10, 19, 20, 29, 30, 99].map((bytes) => sliced(bytes).length)).toEqual([1, 1, 1, 1, 2, 2, 3, 3]);
    expect(anEntry({ index: 1, term: 1 }, { bytes: 10 }).data).toHaveLength(10);
  });
});
