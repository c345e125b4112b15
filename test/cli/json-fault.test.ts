import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFault } from '../../src/cli/json-fault.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('the place where a text is not JSON', () => {
  it.each([
    ['{to: 1}', 1, 2, 't'],
    ["{'to': 1}", 1, 2, "'"],
    ['{"to": ada}', 1, 8, 'a'],
    ['{"to": 1,}', 1, 10, '}'],
    ['{"to" 1}', 1, 7, '1'],
    ['[1 2]', 1, 4, '2'],
    ['[1,]', 1, 4, ']'],
    ['[1}', 1, 3, '}'],
    ['{"a": [}', 1, 8, '}'],
    ['{} {}', 1, 4, '{'],
    ['01', 1, 2, '1'],
    ['1.', 1, 2, '.'],
    ['truer', 1, 5, 'r'],
    ['"a\nb"', 1, 3, '\n'],
    ['"\\x"', 1, 2, '\\'],
    ['{\n  "to": "ada",\n  "cc": bob\n}', 3, 9, 'b'],
    ['{"a": 🙂}', 1, 7, '🙂'],
  ])('of %j is line %i, column %i: %j', (text, line, column, found) => {
    expect(jsonFault(text)).toEqual({ line, column, found });
  });

  it.each([
    ['', 1, 1],
    ['  ', 1, 3],
    ['{"to": "ada"', 1, 13],
    ['[1,\n2,', 2, 3],
    ['"ada', 1, 5],
    ['{"to":', 1, 7],
  ])('of %j is its end, line %i, column %i', (text, line, column) => {
    expect(jsonFault(text)).toEqual({ line, column, found: undefined });
  });

  it('is found however deep the text is', () => {
    const depth = 1_000_000;
    expect(jsonFault('['.repeat(depth))).toEqual({ line: 1, column: depth + 1, found: undefined });
  });

  it('exists if and only if JSON.parse() rejects the text', () => {
    const nearJson = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', ':', '"', '\\', '{', '}', '[', ']', '0', '-', '.', 'e', ' ', '\n', 'null'))
      .map(([json, at, text]) => {
        const place = at % (json.length + 1);
        return json.slice(0, place) + text + json.slice(place + 1);
      });
    fc.assert(
      fc.property(fc.oneof(nearJson, fc.json(), fc.string(), fc.stringMatching(/^[[\]{}",:\\0-9.eE+\- truefalsn]*$/)), (text) => {
        expect(jsonFault(text) === undefined).toBe(isJson(text));
      }),
      { numRuns: 5_000 },
    );
  });
});
