/** Where a text is not JSON (RFC 8259), and what is there. */
export interface JsonFault {
  /** From 1 on. */
  readonly line: number;
  /** In UTF-16 units, from 1 on. */
  readonly column: number;
  /** The unexpected character; undefined where the text ends too early. */
  readonly found: string | undefined;
}

/** What may come next; `first-…` may also be the end of an empty array or object. */
type Expected = 'value' | 'first-value' | 'key' | 'first-key' | 'colon' | 'next' | 'end';

const SPACE = /[ \t\n\r]*/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * Finds the first place at which a text is not JSON: the errors of `JSON.parse` name it only for some mistakes.
 * @returns undefined for JSON.
 */
export function jsonFault(text: string): JsonFault | undefined {
  const at = new Scanner(text).faultAt();
  if (at === undefined) return undefined;
  const before = text.slice(0, at);
  const character = text.codePointAt(at);
  return {
    line: before.split('\n').length,
    column: at - before.lastIndexOf('\n'),
    found: character === undefined ? undefined : String.fromCodePoint(character),
  };
}

class Scanner {
  readonly #text: string;
  readonly #open: ('{' | '[')[] = [];
  #expected: Expected = 'value';
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** An offset, or undefined for JSON. */
  faultAt(): number | undefined {
    for (;;) {
      this.#skip(SPACE);
      const character = this.#text[this.#at];
      if (this.#expected === 'end' && character === undefined) return undefined;
      if (character === undefined || !this.#take(character)) return this.#at;
    }
  }

  /** @returns false where the text is not JSON: at the current offset. */
  #take(character: string): boolean {
    if (this.#closes(character)) {
      this.#open.pop();
      return this.#onTaken(1, this.#afterValue);
    }
    switch (this.#expected) {
      case 'value':
      case 'first-value':
        return this.#takeValue(character);
      case 'key':
      case 'first-key':
        return character === '"' && this.#takeString('colon');
      case 'colon':
        return character === ':' && this.#onTaken(1, 'value');
      case 'next':
        return character === ',' && this.#onTaken(1, this.#open.at(-1) === '{' ? 'key' : 'value');
      case 'end':
        return false;
    }
  }

  #takeValue(character: string): boolean {
    if (character === '{' || character === '[') {
      this.#open.push(character);
      return this.#onTaken(1, character === '{' ? 'first-key' : 'first-value');
    }
    if (character === '"') return this.#takeString(this.#afterValue);
    return this.#skip(SCALAR) && this.#onTaken(0, this.#afterValue);
  }

  #takeString(expected: Expected): boolean {
    this.#at += 1;
    for (;;) {
      const character = this.#text[this.#at];
      if (character === '"') return this.#onTaken(1, expected);
      if (character === undefined || character < ' ') return false;
      if (character !== '\\') this.#at += 1;
      else if (!this.#skip(ESCAPE)) return false;
    }
  }

  get #afterValue(): Expected {
    return this.#open.length === 0 ? 'end' : 'next';
  }

  #closes(character: string): boolean {
    const innermost = this.#open.at(-1);
    if (character === '}') return innermost === '{' && (this.#expected === 'first-key' || this.#expected === 'next');
    return character === ']' && innermost === '[' && (this.#expected === 'first-value' || this.#expected === 'next');
  }

  #onTaken(length: number, expected: Expected): true {
    this.#at += length;
    this.#expected = expected;
    return true;
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const isFound = pattern.test(this.#text);
    if (isFound) this.#at = pattern.lastIndex;
    return isFound;
  }
}
