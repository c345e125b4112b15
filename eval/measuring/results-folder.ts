import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorCode, messageOf, UserError } from './user-error.ts';

/** The folder that the evaluation writes: one CSV a command, raw samples, environment.json, and the nodes' logs. */
export class ResultsFolder {
  readonly path: string;
  /** Of `npm run eval` and its parts. */
  readonly runsFile: string;
  readonly samplesFile: string;
  /** Of `npm run bench`, `npm run bench:micro`, `npm run bench:profile` and `npm run bench:peers`. */
  readonly benchFile: string;
  readonly microFile: string;
  readonly profileFile: string;
  readonly peersFile: string;
  /** Of `npm run bench:scale`. */
  readonly scaleFile: string;
  readonly environmentFile: string;
  /** Of the nodes, one folder a run; ignored by git. */
  readonly logsPath: string;

  private constructor(path: string) {
    this.path = resolve(path);
    this.runsFile = join(this.path, 'runs.csv');
    this.samplesFile = join(this.path, 'samples.csv.gz');
    this.logsPath = join(this.path, 'logs');
    this.benchFile = join(this.path, 'bench.csv');
    this.microFile = join(this.path, 'micro.csv');
    this.profileFile = join(this.path, 'profile.csv');
    this.peersFile = join(this.path, 'peers.csv');
    this.scaleFile = join(this.path, 'scale.csv');
    this.environmentFile = join(this.path, 'environment.json');
  }

  /** For reading only; nothing is created or checked. */
  static at(path: string): ResultsFolder {
    return new ResultsFolder(path);
  }

  /**
   * For the databases of what is measured, on the disk of the results; removed afterwards, or by the next command if this process is killed.
   * @param what such as `run`.
   */
  dataPath(what: string): string {
    return join(this.path, `${what}-data-${process.pid}`);
  }

  /**
   * Creates the folder and checks that it can be written, before anything is measured.
   * @throws {UserError} when it cannot be written.
   */
  static open(path: string): ResultsFolder {
    const folder = new ResultsFolder(path);
    const probe = join(folder.path, `.write-probe-${process.pid}`);
    try {
      makeFolder(folder.path);
      writeFileSync(probe, '');
      rmSync(probe);
      removeAbandoned(folder.path);
    } catch (error) {
      throw unwritable(folder.path, error);
    }
    return folder;
  }
}

/** The error of a results folder, or of a file in it, that cannot be written. */
export const unwritable = (path: string, error: unknown): UserError =>
  new UserError(
    `The results folder ${path} cannot be written (${errorCode(error) ?? messageOf(error)}). ` +
      'Correct its permissions, free some space, or name another folder with --out.',
    { cause: error },
  );

/** Removes the databases of commands that were killed. */
function removeAbandoned(path: string): void {
  for (const name of readdirSync(path)) {
    const pid = /^[a-z]+-data-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(path, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) !== 'ESRCH';
  }
}

/** Parents first. Not `recursive`, which never returns where the system returns ENOENT although the parent exists (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}
