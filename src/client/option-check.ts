import { InvalidOptionError, UnknownOptionError } from './errors.ts';

/** What one option may be. */
export interface OptionRule {
  readonly isValid: (value: unknown) => boolean;
  /** A sentence that says what would be valid. */
  readonly remedy: string;
}
export type OptionRules = Readonly<Record<string, OptionRule>>;

/**
 * Checks an options object from the user. `undefined` counts as "not given".
 * @throws {UnknownOptionError} for a name that is not among `rules`: most often a spelling mistake.
 * @throws {InvalidOptionError} for a value that cannot work.
 */
export function checkOptions(options: object, rules: OptionRules): void {
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (rule === undefined) throw new UnknownOptionError(name, Object.keys(rules));
    if (value !== undefined && !rule.isValid(value)) throw new InvalidOptionError(name, value, rule.remedy);
  }
}

export const integerIn = (from: number, to: number): OptionRule => ({
  isValid: (value) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to,
  remedy: `Give an integer from ${from} to ${to}.`,
});

export const durationIn = (fromMs: number, toMs: number): OptionRule => ({
  isValid: (value) => typeof value === 'number' && value >= fromMs && value <= toMs,
  remedy: `Give a number of milliseconds from ${fromMs} to ${toMs}.`,
});

export const aBoolean: OptionRule = { isValid: (value) => typeof value === 'boolean', remedy: 'Give true or false.' };
