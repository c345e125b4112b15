import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import type { MachineLoad } from '../measuring/machine-load.ts';
import { replaceFile } from '../measuring/replace-file.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { errorCode, messageOf, UserError } from '../measuring/user-error.ts';
import { count, optionalNumber } from './cells.ts';
import type { AskedQuestion, Question } from './question.ts';

/** Conditions of a session; in every row. */
export interface SessionFacts {
  /** Its start time, ISO 8601, which is its name. */
  readonly session: string;
  readonly commit: string;
  readonly environment: string;
  readonly nodes: number;
  readonly durability: string;
}

/** Conditions of one step. */
export interface StepFacts {
  readonly round: number;
  readonly step: string;
  /** A disk write of 4 KiB with fdatasync just before, median, milliseconds. */
  readonly fdatasyncMs: number;
  readonly machine: MachineLoad;
}

const provenance = z.object({
  session: z.string(),
  commit: z.string(),
  environment: z.string(),
  session_nodes: count,
  durability: z.string(),
  measured: z.string(),
  round: count,
  step: z.string(),
  fdatasync_p50_ms: optionalNumber,
  load_average: optionalNumber,
  steal_share: optionalNumber,
  other_cpu_share: optionalNumber,
});

export type Provenance = z.infer<typeof provenance>;
export type AnswerRow<Row> = Row & Provenance;

/** The rows of a question, all of one session. */
export interface Answer<Row> {
  readonly facts: SessionFacts;
  readonly rows: readonly AnswerRow<Row>[];
}

export const questionFileOf = ({ path }: ResultsFolder, { id, isLarge }: Pick<AskedQuestion, 'id' | 'isLarge'>): string =>
  join(path, isLarge === true ? `${id}.csv.gz` : `${id}.csv`);

const isZipped = (path: string): boolean => path.endsWith('.gz');

const readText = (path: string): string => (isZipped(path) ? gunzipSync(readFileSync(path)).toString() : readFileSync(path, 'utf8'));

/** The CSV of one question. It holds one session; a new session begins a new one. */
export class QuestionFile<Row extends object> {
  readonly path: string;
  readonly #results: ResultsFolder;
  readonly #question: Question<Row>;
  readonly #columns: readonly string[];
  readonly #facts: SessionFacts;
  readonly #done: Set<string>;

  private constructor(results: ResultsFolder, question: Question<Row>, facts: SessionFacts, done: Set<string>) {
    this.path = questionFileOf(results, question);
    this.#results = results;
    this.#question = question;
    this.#columns = Object.keys(question.row.shape);
    this.#facts = facts;
    this.#done = done;
  }

  /** Continues the session's file. Rows of another session, or with other columns, are removed when the first step is measured. */
  static open<Row extends object>(results: ResultsFolder, question: Question<Row>, facts: SessionFacts): QuestionFile<Row> {
    const path = questionFileOf(results, question);
    const header = [...Object.keys(provenance.shape), ...Object.keys(question.row.shape)].join(',');
    const done = new Set<string>();
    if (existsSync(path)) {
      const text = readText(path);
      const records: Record<string, string>[] = text.startsWith(`${header}\n`) ? parse(text, { columns: true }) : [];
      if (records.every(({ session, commit }) => session === facts.session && commit === facts.commit))
        for (const { round, step } of records) done.add(keyOf(Number(round), step ?? ''));
    }
    return new QuestionFile(results, question, facts, done);
  }

  has(round: number, step: string): boolean {
    return this.#done.has(keyOf(round, step));
  }

  /** Of the session. @throws {UserError} when the file is not what this version writes. */
  rows(): readonly Row[] {
    return this.#done.size === 0 ? [] : (readAnswer(this.#results, this.#question)?.rows ?? []);
  }

  append({ round, step, fdatasyncMs, machine }: StepFacts, rows: readonly Row[]): void {
    const { session, commit, environment, nodes, durability } = this.#facts;
    const measured = new Date().toISOString();
    const conditions = [session, commit, environment, nodes, durability, measured, round, step];
    const load = [fdatasyncMs, machine.loadAverage, machine.stealShare, machine.otherShare];
    const lines = rows.map((row) => [...conditions, ...load, ...this.#columns.map((column) => cellOf(Reflect.get(row, column)))]);
    const isFirst = this.#done.size === 0;
    const text = stringify(isFirst ? [[...Object.keys(provenance.shape), ...this.#columns], ...lines] : lines);
    // A gzip file may have several members.
    const added = isZipped(this.path) ? gzipSync(text, { level: 9 }) : Buffer.from(text);
    replaceFile(this.path, isFirst ? added : Buffer.concat([readFileSync(this.path), added]));
    this.#done.add(keyOf(round, step));
  }
}

const keyOf = (round: number, step: string): string => `${round} ${step}`;

const cellOf = (value: unknown): unknown => (typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value);

/**
 * The rows of a question; `undefined` if it was not measured.
 * @throws {UserError} when the file is not what this version writes.
 */
export function readAnswer<Row extends object>(results: ResultsFolder, question: AskedQuestion<Row>): Answer<Row> | undefined {
  const path = questionFileOf(results, question);
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new UserError(`${path} cannot be read (${errorCode(error) ?? messageOf(error)}). Correct its permissions, or remove it.`, {
      cause: error,
    });
  }
  const records: unknown[] = parse(text, { columns: true });
  const rows = records.map((record, at) => {
    const [facts, row] = [provenance.safeParse(record), question.row.safeParse(record)];
    if (facts.success && row.success) return { ...facts.data, ...row.data };
    const remedy = `Run "npm run eval:questions -- --only ${question.id}" again, or remove the file.`;
    throw new UserError(`${path}, row ${at + 2}, is not a row of "${question.asks}" ${remedy}`);
  });
  const [first] = rows;
  if (first === undefined) return undefined;
  const { session, commit, environment, session_nodes: nodes, durability } = first;
  return { facts: { session, commit, environment, nodes, durability }, rows };
}
