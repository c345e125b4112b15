import { appendFileSync, existsSync, readFileSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { errorCode, messageOf, UserError } from '../measuring/user-error.ts';
import { DEFINITIONS } from './all-measures.ts';
import type { BenchFigure } from './figure.ts';

/** Conditions of a session's figures; in every row. */
export interface SessionFacts {
  /** Its start time, ISO 8601, which is its name. */
  readonly session: string;
  readonly commit: string;
  readonly environment: string;
  readonly nodes: number;
  readonly durability: string;
}

/** One session of a bench.csv. */
export interface BenchSession extends SessionFacts {
  readonly figures: readonly BenchFigure[];
}

/** Reason of a valid row whose rate did not become steady. */
const NOT_STEADY = 'not steady';

const HEADER = [
  'session',
  'measured',
  'round',
  'figure',
  'unit',
  'value',
  'nodes',
  'session_nodes',
  'durability',
  'commit',
  'environment',
  'valid',
  'reason',
];

/** Writes rows at once: an interrupted session keeps its figures, marked as such. */
export class BenchFile {
  readonly path: string;
  readonly #facts: SessionFacts;

  private constructor(path: string, facts: SessionFacts) {
    this.path = path;
    this.#facts = facts;
  }

  /** Rows are added to `path`. A file with the columns of an earlier version is renamed first, and `print` reports it. */
  static open(path: string, facts: SessionFacts, print: (line: string) => void): BenchFile {
    if (existsSync(path) && headerOf(path) !== HEADER.join(',')) {
      const stamp = statSync(path).mtime.toISOString().replace(/[:.]/g, '-');
      const aside = join(dirname(path), `${basename(path, '.csv')}-${stamp}.csv`);
      renameSync(path, aside);
      print(`${path} had other columns than this version writes; it is kept as ${aside}.`);
    }
    return new BenchFile(path, facts);
  }

  append(round: number, figures: readonly BenchFigure[], reason: string): void {
    const { session, commit, environment, nodes, durability } = this.#facts;
    const measured = new Date().toISOString();
    const rows = figures.map(({ figure, unit, value, isSteady }) => [
      session,
      measured,
      round,
      figure,
      unit,
      value.toPrecision(6),
      nodes,
      // Earlier sessions also measured clusters of other sizes: their rows have two numbers.
      nodes,
      durability,
      commit,
      environment,
      String(reason === ''),
      // It is a result nevertheless.
      reason === '' && isSteady === false ? NOT_STEADY : reason,
    ]);
    appendFileSync(this.path, stringify(existsSync(this.path) ? rows : [HEADER, ...rows]));
  }
}

function headerOf(path: string): string {
  const text = readFileSync(path, 'utf8');
  return text.slice(0, Math.max(0, text.indexOf('\n'))).trim();
}

const rowSchema = z.object({
  session: z.string().default(''),
  started: z.string().default(''),
  figure: z.string(),
  value: z.coerce.number(),
  nodes: z.coerce.number(),
  session_nodes: z.coerce.number().optional(),
  durability: z.string(),
  commit: z.string(),
  environment: z.string(),
  valid: z.string(),
  reason: z.string().default(''),
});

/**
 * The last session in a file, without its invalid rows; a file from before there were sessions is one session. Figures that this version
 * does not know are left out.
 * @throws {UserError} when the file cannot be read, or holds no session.
 */
export function readLastSession(path: string): BenchSession {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`${path} cannot be read (${errorCode(error) ?? messageOf(error)}). Name a bench.csv of an earlier session.`, {
      cause: error,
    });
  }
  return parseLastSession(text, path);
}

/** @param path for the message only. @throws {UserError} */
export function parseLastSession(text: string, path: string): BenchSession {
  const records: unknown[] = parse(text, { columns: true, relax_column_count: true });
  const rows = records.map((record, at) => {
    const parsed = rowSchema.safeParse(record);
    if (!parsed.success) throw new UserError(`${path}, row ${at + 2}, is not a row of the bench. Name a bench.csv of an earlier session.`);
    return parsed.data;
  });
  const last = rows.at(-1);
  if (last === undefined) throw new UserError(`${path} holds no session. Name a bench.csv of an earlier session.`);
  const ofSession = rows.filter(({ session }) => session === last.session);
  const sessionNodes = last.session_nodes ?? last.nodes;
  const figures = ofSession.flatMap(({ figure, value, valid, reason }): BenchFigure[] => {
    const definition = DEFINITIONS.find(({ name }) => name === figure);
    if (definition === undefined || valid !== 'true') return [];
    return [{ figure, unit: definition.unit, value, ...(reason === NOT_STEADY ? { isSteady: false } : {}) }];
  });
  const { commit, environment, durability } = last;
  const session = last.session === '' ? (ofSession[0]?.started ?? '') : last.session;
  return { session, commit, environment, durability, nodes: sessionNodes, figures };
}
