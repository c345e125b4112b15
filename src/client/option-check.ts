import { z } from 'zod';
import { isPromise } from '../base/missing-await.ts';
import { InvalidOptionError, UnknownOptionError } from './errors.ts';

/**
 * Options and arguments are checked once, where the user passes them, by zod schemas. The message of every rule is the remedy: a sentence
 * with the valid values.
 */

type Path = readonly PropertyKey[];

/** The message of an issue for an unknown name; {@link checkOptions} builds the sentence. */
interface UnknownName {
  readonly valid: readonly string[];
  readonly missing: string | undefined;
}

/**
 * An object that has only the names of `shape`. `undefined` counts as "not given" where a rule is optional. A promise is an object
 * without names, and would pass if all of them are optional.
 * @param missing BullMQ's options that are not supported yet, with what to use instead.
 */
export function optionsOf<Shape extends z.core.$ZodShape>(
  shape: Shape,
  remedy = 'Give an object of options.',
  missing: Readonly<Record<string, string>> = {},
) {
  const valid = Object.keys(shape);
  const unknownName = (name = ''): UnknownName => ({ valid, missing: Object.hasOwn(missing, name) ? missing[name] : undefined });
  const object = z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? JSON.stringify(unknownName(issue.keys[0])) : remedy),
  });
  return aValue<z.input<typeof object>>((value) => !isPromise(value), remedy).pipe(object);
}

export function integerIn(from: number, to: number) {
  const error = `Give an integer from ${from} to ${to}.`;
  return z.int({ error }).min(from, { error }).max(to, { error });
}

export function durationIn(fromMs: number, toMs: number) {
  const error = `Give a number of milliseconds from ${fromMs} to ${toMs}.`;
  return z.number({ error }).min(fromMs, { error }).max(toMs, { error });
}

export const aBoolean = z.boolean({ error: 'Give true or false.' });

/** For values that are checked by a predicate: functions, objects of a class. */
export const aValue = <Value>(isValid: (value: unknown) => boolean, remedy: string) => z.custom<Value>(isValid, { error: remedy });

/**
 * @param value the user's value. @param at its name, or the path to it; empty for an object whose options need no prefix.
 * @throws {UnknownOptionError} for a name that the schema does not have: most often a spelling mistake.
 * @throws {InvalidOptionError} for a value that cannot work, or one that is missing.
 */
export function checkOptions(schema: z.ZodType, value: unknown, at: Path = []): void {
  const parsed = schema.safeParse(value);
  if (parsed.success) return;
  throw optionError(mostSpecificIssue(parsed.error.issues), value, at);
}

function optionError(issue: z.core.$ZodIssue, value: unknown, at: Path): UnknownOptionError | InvalidOptionError {
  const path = [...at, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const { valid, missing } = JSON.parse(issue.message) as UnknownName;
    return new UnknownOptionError(issue.keys[0] ?? '', valid, nameOf(path), missing);
  }
  return new InvalidOptionError(path.length === 0 ? 'options' : nameOf(path), valueAt(value, issue.path), issue.message);
}

/** An unknown name explains other missing ones. Of a union, the intended form is the one that got furthest. */
function mostSpecificIssue(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue {
  const issue = (issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]) as z.core.$ZodIssue;
  if (issue.code !== 'invalid_union') return issue;
  const meant = issue.errors.find((form) => form.every(({ code, path }) => code === 'unrecognized_keys' || path.length > 0));
  if (meant === undefined || meant.length === 0) return issue;
  const inner = mostSpecificIssue(meant);
  return { ...inner, path: [...issue.path, ...inner.path] };
}

/** `jobs[3].opts.delay` */
export const nameOf = (path: Path): string =>
  path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${String(part)}`)).join('');

function valueAt(value: unknown, path: Path): unknown {
  let found = value;
  for (const part of path) found = typeof found === 'object' && found !== null ? Reflect.get(found, part) : undefined;
  return found;
}
