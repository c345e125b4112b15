import { readFileSync } from 'node:fs';
import type { Document } from 'yaml';
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { ConfigFileError } from './config-file-error.ts';
import { relationProblems, schemaProblems, valueAt } from './config-problems.ts';

export interface ConfigSource {
  readonly text: string;
  /** Its name in messages. */
  readonly file: string;
  /** Settings that override those of the text. */
  readonly overrides: object;
  /** Where the override of a setting comes from: its flag, or its variable. */
  readonly placeOf: (path: readonly PropertyKey[]) => string;
}

/** Reads the settings of a YAML text. @throws {ConfigFileError} with every problem, its place, value and remedy. */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, { text, file, overrides, placeOf }: ConfigSource): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntaxError = document.errors[0];
  if (syntaxError !== undefined) {
    const { line } = lines.linePos(syntaxError.pos[0]);
    const what = syntaxError.message.split(' at line ')[0] ?? syntaxError.message;
    throw new ConfigFileError(
      `${file}:${line}: not valid YAML (${what}). Correct this line; indent with spaces, and write "key: value".`,
      [],
      { cause: syntaxError },
    );
  }
  const written: unknown = withoutEmptyGroups(document.toJS() ?? {});
  const raw = isRecord(written) ? overlay(written, overrides) : written;
  const locate = (path: readonly PropertyKey[]): string =>
    valueAt(overrides, path) === undefined ? `${file}${lineOf(document, lines, path)}` : placeOf(path);
  const parsed = schema.safeParse(raw);
  const problems = [...schemaProblems(raw, parsed.error?.issues ?? [], locate), ...relationProblems(raw, locate)];
  if (!parsed.success || problems.length > 0) throw ConfigFileError.of(file, problems);
  return parsed.data;
}

/** @param example a file to copy. @throws {ConfigFileError} */
export function readConfigFile(file: string, example: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${String(error)})`;
    throw new ConfigFileError(
      `The configuration ${file} ${reason}. Name another file with --config, or copy ${example} of the package there.`,
      [],
      { cause: error },
    );
  }
}

/** The line of the setting, or of its group if it is missing. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): string {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range != null) return `:${lines.linePos(node.range[0]).line}`;
  }
  return '';
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A group whose lines are all commented out reads as null: it sets nothing. */
function withoutEmptyGroups(written: unknown): unknown {
  if (!isRecord(written)) return written;
  return Object.fromEntries(
    Object.entries(written).filter(([key, value]) => value !== null || !['raft', 'limits', 'logs', 'encryption'].includes(key)),
  );
}

/** Groups are merged key by key; everything else is replaced. */
function overlay(below: Record<string, unknown>, above: object): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    if (value === undefined) continue;
    const under = merged[key];
    // A value in place of a group that is no group stays, so that the schema reports it.
    merged[key] =
      isRecord(value) && (under === undefined || isRecord(under)) ? overlay(under ?? {}, value) : isRecord(value) ? under : value;
  }
  return merged;
}
