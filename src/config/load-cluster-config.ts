import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Document } from 'yaml';
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { ClusterConfig, ClusterConfigOverrides } from './cluster-config.ts';
import { clusterSchema } from './cluster-config.ts';
import { ConfigFileError } from './config-file-error.ts';
import { nameOf, relationProblems, schemaProblems, valueAt } from './config-problems.ts';
import { flagOf } from './flag-names.ts';

/** The package's file: every setting with its default. */
export function defaultClusterConfigFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  // The same code runs from src/config under the test runner and from dist/src/config in the package.
  while (!existsSync(join(folder, 'config', 'cluster.yaml'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new ConfigFileError('The package has no config/cluster.yaml. Install it again, or name another file.');
    folder = parent;
  }
  return join(folder, 'config', 'cluster.yaml');
}

/**
 * Reads a cluster's configuration and applies `overrides` to it. Other settings have their default.
 * @throws {ConfigFileError} with every problem, its place (file:line or flag), value and remedy.
 */
export function loadClusterConfig(file: string = defaultClusterConfigFile(), overrides: ClusterConfigOverrides = {}): ClusterConfig {
  return parseClusterConfig(readConfigFile(file), overrides, file);
}

/** The same for a given text. `file` is its name in messages. */
export function parseClusterConfig(text: string, overrides: ClusterConfigOverrides = {}, file = 'cluster.yaml'): ClusterConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntaxError = document.errors[0];
  if (syntaxError !== undefined) {
    const { line } = lines.linePos(syntaxError.pos[0]);
    const what = syntaxError.message.split(' at line ')[0] ?? syntaxError.message;
    throw new ConfigFileError(
      `${file}:${line}: not valid YAML (${what}). Correct this line; indent with spaces, and write "key: value".`,
      [],
      {
        cause: syntaxError,
      },
    );
  }
  const written: unknown = withoutEmptyGroups(document.toJS() ?? {});
  const raw = isRecord(written) ? overlay(written, overrides) : written;
  const locate = (path: readonly PropertyKey[]): string =>
    valueAt(overrides, path) === undefined ? `${file}${lineOf(document, lines, path)}` : flagOf(nameOf(path));

  const parsed = clusterSchema.safeParse(raw);
  const problems = [...schemaProblems(raw, parsed.error?.issues ?? [], locate), ...relationProblems(raw, locate)];
  if (!parsed.success || problems.length > 0) throw ConfigFileError.of(file, problems);
  const { logs, seed, ...rest } = parsed.data;
  return Object.freeze({ ...rest, ...(logs === undefined ? {} : { logs }), ...(seed === undefined ? {} : { seed }) });
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason =
      error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${String(error)})`;
    throw new ConfigFileError(
      `The configuration ${file} ${reason}. Name another file with --config, or copy config/cluster.yaml of the package there.`,
      [],
      {
        cause: error,
      },
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
  return Object.fromEntries(Object.entries(written).filter(([key, value]) => value !== null || !['raft', 'limits', 'logs'].includes(key)));
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
