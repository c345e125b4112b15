import { describe, expect, it } from 'vitest';
import { cutToWidth, textWidth } from '../../src/base/text-width.ts';

describe('the width of a text on a terminal', () => {
  it.each([
    ['', 0],
    ['plain', 5],
    ['é', 1],
    ['e\u0301', 1],
    ['Ünïcödé – …', 11],
    ['🙂', 2],
    ['👩‍👩‍👧', 2],
    ['👍🏽', 2],
    ['🇩🇪', 2],
    ['❤️', 2],
    ['©', 1],
    ['日本語', 6],
    ['한국어', 6],
    ['ｆｕｌｌ', 8],
    ['ﾊﾝｶｸ', 4],
    ['你好, world', 11],
    ['a\u200bb', 2],
  ])('of %j is %i columns', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });

  it.each([
    ['plain', 5, 'plain'],
    ['plain', 4, 'pla…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['🙂🙂', 3, '🙂…'],
    ['a👩‍👩‍👧b', 3, 'a…'],
    ['ab', 1, '…'],
    ['ab', 0, ''],
  ])('%j is cut to %i columns: %j', (text, width, cut) => {
    expect(cutToWidth(text, width)).toBe(cut);
    expect(textWidth(cut)).toBeLessThanOrEqual(width);
  });
});
