import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorCode, messageOf, UserError } from './user-error.ts';

/** The folder that the evaluation writes: one CSV a command, environment.json, and one folder a run of the replay. */
export class ResultsFolder {
  readonly path: string;
  /** Of `npm run eval` and its parts. */
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
   * @throws {UserError} when it cannot be written.
   */
  static open(path: string): ResultsFolder {
    const folder = new ResultsFolder(path);
    const probe = join(folder.path, `.write-probe-${process.pid}`);
    try {
      makeFolder(folder.path);
      writeFileSync(probe, '');
      rmSync(probe);
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

/** Parents first. Not `recursive`, which never returns where the system returns ENOENT although the parent exists (/proc). */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}
