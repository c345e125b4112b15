import { describe, expect, it } from 'vitest';
import { printable, printableJson, shortened } from '../../src/cli/printable.ts';

describe('a text for one line of a terminal', () => {
  it('has escapes for what a terminal would execute', () => {
    expect(printable('\u001b[2Ja\r\nb\tc\u0007')).toBe('\\u001b[2Ja\\r\\nb\\tc\\u0007');
    expect(printable('\u009b31m \u202efdp.exe')).toBe('\\u009b31m \\u202efdp.exe');
  });

  it('keeps letters of every language', () => expect(printable('Grüße, 世界 🙂')).toBe('Grüße, 世界 🙂'));

  it('is cut after a number of characters, never within one', () => {
    expect(shortened('🙂🙂🙂🙂', 3)).toBe('🙂🙂…');
    expect(shortened('🙂🙂🙂', 3)).toBe('🙂🙂🙂');
    expect(printable('abcdef', 4)).toBe('abc…');
    expect(shortened('abc', 0)).toBe('…');
  });
});

describe('JSON for a terminal', () => {
  it('means the same value, without the control characters that JSON allows', () => {
    const value = { name: '\u009b2J\u007f\u202e', lines: 'a\nb' };
    const text = printableJson(JSON.stringify(value, undefined, 2));
    expect(text).not.toMatch(/[\u007f-\u009f\u202e]/);
    expect(JSON.parse(text)).toEqual(value);
  });
});
