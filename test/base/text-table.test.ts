import { describe, expect, it } from 'vitest';
import { textTable } from '../../src/base/text-table.ts';

describe('a table for a terminal', () => {
  it('has columns as wide as their widest cell, and numbers to the right', () => {
    const table = textTable(
      ['Node', 'Role', 'Lag'],
      [
        ['1', 'leader', '0'],
        ['12', 'follower', '1,234'],
        ['3', '–', '–'],
      ],
    );
    expect(table.split('\n')).toEqual([
      'Node  Role        Lag',
      '────  ────────  ─────',
      '   1  leader        0',
      '  12  follower  1,234',
      '   3  –             –',
    ]);
  });

  it('counts columns of the terminal, not characters', () => {
    const [, , first, second] = textTable(
      ['Name', 'State'],
      [
        ['🙂🙂', 'waiting'],
        ['plain', 'active'],
      ],
    ).split('\n');
    expect([first, second]).toEqual(['🙂🙂   waiting', 'plain  active']);
  });

  it('has a header and a rule without rows, and blanks for missing cells', () => {
    expect(textTable(['Index', 'Kind'], [])).toBe('Index  Kind\n─────  ────');
    expect(
      textTable(['Kind', 'Name'], [['add']])
        .split('\n')
        .at(-1),
    ).toBe('add');
  });
});
