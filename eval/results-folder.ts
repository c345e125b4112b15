import { accessSync, appendFileSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import type { DeliveryLedger } from './delivery-ledger.ts';
import { parseRunRow, RUN_HEADER, type RunRow } from './run-row.ts';
import { errorCode, messageOf, UserError } from './user-error.ts';

/** The files of one run. */
export interface RunFolder {
  readonly logsDir: string;
  readonly dataDir: string;
}

/** The folder that the evaluation writes: runs.csv, environment.json, one folder a run, and the results of the benches. */
export class ResultsFolder {
  readonly path: string;
  readonly runsFile: string;
  /** Of `npm run bench`, `npm run bench:micro`, `npm run bench:profile` and `npm run bench:peers`. */
  readonly benchFile: string;
  readonly microFile: string;
  readonly profileFile: string;
  readonly peersFile: string;
  readonly environmentFile: string;

  private constructor(path: string) {
    this.path = resolve(path);
    this.runsFile = join(this.path, 'runs.csv');
    this.benchFile = join(this.path, 'bench.csv');
    this.microFile = join(this.path, 'micro.csv');
    this.profileFile = join(this.path, 'profile.csv');
    this.peersFile = join(this.path, 'peers.csv');
    this.environmentFile = join(this.path, 'environment.json');
  }

  /** For reading only; nothing is created or checked. */
  static at(path: string): ResultsFolder {
    return new ResultsFolder(path);
  }

  /**
   * Creates the folder and checks that it can be written, before anything is measured.
   * @throws {UserError} when it cannot be written, or when its runs.csv is not of this version.
   */
  static open(path: string): ResultsFolder {
    const folder = new ResultsFolder(path);
    const probe = join(folder.path, `.write-probe-${process.pid}`);
    try {
      makeFolder(folder.path);
      writeFileSync(probe, '');
      rmSync(probe);
      // Root may write anything but a read-only file system; for other users an unwritable file is detected here.
      if (existsSync(folder.runsFile)) accessSync(folder.runsFile, constants.W_OK);
    } catch (error) {
      throw new UserError(
        `The results folder ${folder.path} cannot be written (${errorCode(error) ?? messageOf(error)}). ` +
          'Correct its permissions, free some space, or name another folder with --out.',
        { cause: error },
      );
    }
    folder.#checkHeader();
    return folder;
  }

  /** Creates a run's folder, and removes the files of an earlier attempt of the same name. */
  openRun(run: string): RunFolder {
    const logsDir = join(this.path, run);
    const dataDir = join(logsDir, 'data');
    rmSync(dataDir, { recursive: true, force: true });
    mkdirSync(dataDir, { recursive: true });
    return { logsDir, dataDir };
  }

  /** Removes the nodes' databases; the results stay. */
  removeData(run: RunFolder): void {
    rmSync(run.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Appends one row to the file at once, so that a crash of the session does not lose it. */
  appendRow(row: RunRow): void {
    const isNew = !existsSync(this.runsFile);
    const cells = RUN_HEADER.map((name) => Reflect.get(row, name));
    const text = stringify(isNew ? [RUN_HEADER, cells] : [cells], { cast: { boolean: String } });
    appendFileSync(this.runsFile, text);
  }

  /** Raw samples, times in milliseconds since the measured part began. */
  writeSamples(run: RunFolder, startMs: number, measured: DeliveryLedger, warmUp: DeliveryLedger | undefined): void {
    const rows: (string | number)[][] = [];
    for (const [phase, book] of [
      ['warm-up', warmUp],
      ['measured', measured],
    ] as const) {
      if (book === undefined) continue;
      for (const sample of book.samples()) {
        rows.push([
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
    writeFileSync(join(run.logsDir, 'samples.csv.gz'), gzipSync(stringify([SAMPLE_HEADER, ...rows]), { level: 9 }));
  }

  /** @throws {UserError} when runs.csv is missing or broken. */
  readRows(): readonly RunRow[] {
    let text: string;
    try {
      text = readFileSync(this.runsFile, 'utf8');
    } catch (error) {
      throw new UserError(
        `${this.runsFile} cannot be read (${errorCode(error) ?? messageOf(error)}). Run "npm run eval" first, or name the folder with --out.`,
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
        throw new UserError(`${this.runsFile}, row ${at + 2}: ${messageOf(error)}. Remove the row, or restore the file.`, { cause: error });
      }
    });
  }

  samplesFile(run: string): string {
    return join(this.path, run, 'samples.csv.gz');
  }

  #checkHeader(): void {
    if (!existsSync(this.runsFile)) return;
    const text = readFileSync(this.runsFile, 'utf8');
    const header = text.slice(0, Math.max(0, text.indexOf('\n'))).trim();
    if (header === RUN_HEADER.join(',')) return;
    throw new UserError(
      `${this.runsFile} has other columns than this version writes, so no rows can be added to it. Move it away, or name another folder with --out.`,
    );
  }
}

export const SAMPLE_HEADER = ['phase', 'sequence', 'intended_ms', 'sent_ms', 'acknowledged_ms', 'completed_ms', 'completions', 'outcome'];

/** Parents first. Not `recursive`, which never returns where the system returns ENOENT although the parent exists (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}

const sinceStart = (atMs: number, startMs: number): string => (Number.isNaN(atMs) ? '' : (atMs - startMs).toFixed(3));
