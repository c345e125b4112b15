import type { PlainId } from '../builders.ts';

/** An invalid command. The interpreter adds its position. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** The words of one command. An argument that the command did not read is an error, so that a misspelt option is reported. */
export class Arguments {
  readonly command: string;
  readonly #words: string[] = [];
  readonly #options = new Map<string, string>();

  constructor(text: string) {
    const [command = '', ...rest] = text.trim().split(/\s+/);
    this.command = command;
    for (const token of rest) {
      const equals = token.indexOf('=');
      if (equals < 0) {
        this.#words.push(token);
        continue;
      }
      const key = token.slice(0, equals);
      if (this.#options.has(key)) throw new CommandError(`"${key}" is given twice.`);
      this.#options.set(key, token.slice(equals + 1));
    }
  }

  /** The next unread word. */
  word(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw new CommandError(`"${this.command}" needs ${what}.`);
    return word;
  }

  wordOr<T>(fallback: T): string | T {
    return this.#words.shift() ?? fallback;
  }

  /** All unread words. */
  words(): string[] {
    return this.#words.splice(0);
  }

  /** Takes `name` from among the unread words. */
  flag(name: string): boolean {
    const place = this.#words.indexOf(name);
    if (place >= 0) this.#words.splice(place, 1);
    return place >= 0;
  }

  node(): number {
    return numberFrom(this.word('a node'), 'a node');
  }

  /** `1` or `1,2,3`. */
  nodes(): number[] {
    return numbersFrom(this.word('a node, or several as in 1,2'), 'a node');
  }

  option(name: string): string | undefined {
    const value = this.#options.get(name);
    this.#options.delete(name);
    return value;
  }

  number(name: string): number | undefined {
    const value = this.option(name);
    return value === undefined ? undefined : numberFrom(value, `"${name}"`);
  }

  /** A list of numbers; `none` is the empty one. */
  numbers(name: string): number[] | undefined {
    const value = this.option(name);
    return value === undefined ? undefined : numbersFrom(value, `"${name}"`);
  }

  id(name: string): PlainId | undefined {
    const value = this.option(name);
    return value === undefined ? undefined : idFrom(value, `"${name}"`);
  }

  yesOrNo(name: string): boolean | undefined {
    const value = this.option(name);
    if (value === undefined || value === 'yes' || value === 'no') return value === undefined ? undefined : value === 'yes';
    throw new CommandError(`"${name}" is ${value}; it is yes or no.`);
  }

  oneOf<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.option(name);
    if (value === undefined) return undefined;
    const choice = choices.find((each) => each === value);
    if (choice === undefined) throw new CommandError(`"${name}" is ${value}; it is one of ${choices.join(', ')}.`);
    return choice;
  }

  /** The remaining options, in order, each taken. */
  rest(): [string, string][] {
    const rest = [...this.#options];
    this.#options.clear();
    return rest;
  }

  /** @throws {CommandError} naming the unexpected argument. */
  end(): void {
    const [extra] = [...this.#words, ...this.#options.keys()];
    if (extra !== undefined) throw new CommandError(`"${this.command}" does not accept "${extra}".`);
  }
}

export function numberFrom(text: string, what: string): number {
  if (!/^\d+$/.test(text)) throw new CommandError(`${what} is a whole number, not "${text}".`);
  return Number(text);
}

export const numbersFrom = (text: string, what: string): number[] =>
  text === 'none' ? [] : text.split(',').map((part) => numberFrom(part, what));

/** An entry id as transcripts write it: `5@2` is the entry at index 5, of term 2. */
export function idFrom(text: string, what: string): PlainId {
  const [index, term, more] = text.split('@');
  if (index === undefined || term === undefined || more !== undefined) {
    throw new CommandError(`${what} is an index and a term, as in 5@2, not "${text}".`);
  }
  return { index: numberFrom(index, what), term: numberFrom(term, what) };
}
