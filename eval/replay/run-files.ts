import { accessSync, appendFileSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { type ResultsFolder, unwritable } from '../measuring/results-folder.ts';
import { errorCode, messageOf, UserError } from '../measuring/user-error.ts';
import type { DeliveryLedger } from './delivery-ledger.ts';
import { parseRunRow, RUN_HEADER, type RunRow } from './run-row.ts';

/** The folders of one run: the nodes' logs, which stay, and their databases, which do not. */
export interface RunFolder {
  readonly logsDir: string;
  readonly dataDir: string;
}

/** The replay's files in the results folder: runs.csv, and the raw samples of all its runs in samples.csv.gz. */
export class RunFiles {
  /** Of the results folder. */
  readonly path: string;
  /** runs.csv */
  readonly file: string;
  /** samples.csv.gz: one gzip member a run. */
  readonly samplesFile: string;
  readonly #folder: ResultsFolder;

  private constructor(folder: ResultsFolder) {
    this.#folder = folder;
    this.path = folder.path;
    this.file = folder.runsFile;
    this.samplesFile = folder.samplesFile;
  }

  /** For reading only; nothing is checked. */
  static at(folder: ResultsFolder): RunFiles {
    return new RunFiles(folder);
  }

  /**
   * Checks that rows can be added, before anything is measured.
   * @throws {UserError} when runs.csv cannot be written, or is not of this version.
   */
  static open(folder: ResultsFolder): RunFiles {
    const files = new RunFiles(folder);
    try {
      // Root may write anything but a read-only file system; for other users an unwritable file is detected here.
      if (existsSync(files.file)) accessSync(files.file, constants.W_OK);
    } catch (error) {
      throw unwritable(files.path, error);
    }
    files.#checkHeader();
    return files;
  }

  /** A published session replaces the one before. */
  static removeFrom({ runsFile, samplesFile }: ResultsFolder): void {
    rmSync(runsFile, { force: true });
    rmSync(samplesFile, { force: true });
  }

  /** Creates a run's folder, and removes the files of an earlier attempt of the same name. */
  openRun(run: string): RunFolder {
    const logsDir = this.logsDirOf(run);
    const dataDir = join(this.#folder.dataPath('run'), run);
    rmSync(dataDir, { recursive: true, force: true });
    mkdirSync(dataDir, { recursive: true });
    return { logsDir, dataDir };
  }

  logsDirOf(run: string): string {
    return join(this.#folder.logsPath, run);
  }

  /** Removes the nodes' databases; the results stay. */
  removeData(): void {
    rmSync(this.#folder.dataPath('run'), { recursive: true, force: true, maxRetries: 5 });
  }

  /** Appends one row to the file at once, so that a crash of the session does not lose it. */
  appendRow(row: RunRow): void {
    const isNew = !existsSync(this.file);
    const cells = RUN_HEADER.map((name) => Reflect.get(row, name));
    const text = stringify(isNew ? [RUN_HEADER, cells] : [cells], { cast: { boolean: String } });
    appendFileSync(this.file, text);
  }

  /** Raw samples, times in milliseconds since the measured part began. Appended at once, so that a crash of the session loses none. */
  appendSamples(run: string, startMs: number, measured: DeliveryLedger, warmUp: DeliveryLedger | undefined): void {
    const rows: (string | number)[][] = existsSync(this.samplesFile) ? [] : [[...SAMPLE_HEADER]];
    for (const [phase, ledger] of [
      ['warm-up', warmUp],
      ['measured', measured],
    ] as const) {
      if (ledger === undefined) continue;
      for (const sample of ledger.samples()) {
        rows.push([
          run,
          phase,
          sample.sequence,
          sinceStart(sample.intendedMs, startMs),
          sinceStart(sample.sentMs, startMs),
          sinceStart(sample.acknowledgedMs, startMs),
          sinceStart(sample.completedMs, startMs),
          sample.completions,
          sample.outcome,
        ]);
      }
    }
    appendFileSync(this.samplesFile, gzipSync(stringify(rows), { level: 9 }));
  }

  /** @throws {UserError} when runs.csv is missing or broken. */
  readRows(): readonly RunRow[] {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      throw new UserError(
        `${this.file} cannot be read (${errorCode(error) ?? messageOf(error)}). Run "npm run eval" first, or name the folder with --out.`,
        {
          cause: error,
        },
      );
    }
    this.#checkHeader();
    const records: Record<string, string>[] = parse(text, { columns: true, relax_column_count: true });
    return records.map((cells, at) => {
      try {
        return parseRunRow(cells);
      } catch (error) {
        throw new UserError(`${this.file}, row ${at + 2}: ${messageOf(error)}. Remove the row, or restore the file.`, { cause: error });
      }
    });
  }

  #checkHeader(): void {
    if (!existsSync(this.file)) return;
    const text = readFileSync(this.file, 'utf8');
    const header = text.slice(0, Math.max(0, text.indexOf('\n'))).trim();
    if (header === RUN_HEADER.join(',')) return;
    throw new UserError(
      `${this.file} has other columns than this version writes, so no rows can be added to it. Move it away, or name another folder with --out.`,
    );
  }
}

export const SAMPLE_HEADER: readonly string[] = [
  'run',
  'phase',
  'sequence',
  'intended_ms',
  'sent_ms',
  'acknowledged_ms',
  'completed_ms',
  'completions',
  'outcome',
];

const sinceStart = (atMs: number, startMs: number): string => (Number.isNaN(atMs) ? '' : (atMs - startMs).toFixed(3));
