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

/** The file that comes with the package: every setting with its default. */
export function defaultClusterConfigFile(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  // The same code runs from src/config under the test runner and from dist/src/config in use.
  while (!existsSync(join(folder, 'config', 'cluster.yaml'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new ConfigFileError('The package has lost its config/cluster.yaml. Install it again, or name a file of your own.');
    folder = parent;
  }
  return join(folder, 'config', 'cluster.yaml');
}

/**
 * Reads a cluster's configuration and lays `overrides` over it. Settings that neither names have their default.
 * @throws {ConfigFileError} naming every problem with its place (file:line or flag), value and remedy.
 */
export function loadClusterConfig(file: string = defaultClusterConfigFile(), overrides: ClusterConfigOverrides = {}): ClusterConfig {
  return parseClusterConfig(readConfigFile(file), overrides, file);
}

/** The same for a text that is already there. `file` is how messages call it. */
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

/** The line of the setting, or of the group that should hold it. */
function lineOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): string {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range != null) return `:${lines.linePos(node.range[0]).line}`;
  }
  return '';
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A group whose every line is commented out reads as null: nothing is set there. */
function withoutEmptyGroups(written: unknown): unknown {
  if (!isRecord(written)) return written;
  return Object.fromEntries(Object.entries(written).filter(([key, value]) => value !== null || !['raft', 'limits', 'logs'].includes(key)));
}

/** Groups are laid over each other key by key; everything else is replaced. */
function overlay(below: Record<string, unknown>, above: object): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    if (value === undefined) continue;
    const under = merged[key];
    // What stands in a group's place and is no group stays, for the schema to complain about.
    merged[key] =
      isRecord(value) && (under === undefined || isRecord(under)) ? overlay(under ?? {}, value) : isRecord(value) ? under : value;
  }
  return merged;
}
