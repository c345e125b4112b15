import { setImmediate as loopHasRun } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SplitTurn } from '../../src/server/split-turn.ts';

/** Turns that record their parts. @param sends whether each sends anything before its write. */
function recorded(sends: boolean) {
  const parts: string[] = [];
  const turns = new SplitTurn({
    begin: () => {
      parts.push('begin');
      setImmediate(() => parts.push('the loop runs'));
      return sends;
    },
    finish: () => void parts.push('finish'),
    guard: (part) => part(),
  });
  return { parts, turns };
}

describe('a turn in two parts', () => {
  it('lets the event loop send its messages before it writes', async () => {
    const { parts, turns } = recorded(true);
    turns.run();
    expect(parts).toEqual(['begin']);
    await loopHasRun();
    await loopHasRun();
    expect(parts).toEqual(['begin', 'the loop runs', 'finish']);
  });

  it('finishes at once where it has sent nothing', () => {
    const { parts, turns } = recorded(false);
    turns.run();
    expect(parts).toEqual(['begin', 'finish']);
  });

  it('finishes before the next one begins, and once', async () => {
    const { parts, turns } = recorded(true);
    turns.run();
    turns.run();
    expect(parts).toEqual(['begin', 'finish', 'begin']);
    turns.finish();
    turns.finish();
    await loopHasRun();
    await loopHasRun();
    expect(parts.filter((part) => part === 'finish')).toHaveLength(2);
  });

  it('is not finished after its disposal', async () => {
    const { parts, turns } = recorded(true);
    turns.run();
    turns[Symbol.dispose]();
    await loopHasRun();
    await loopHasRun();
    expect(parts).toEqual(['begin', 'the loop runs']);
  });
});
