import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const MIB = 1024 * 1024;
/** Free space for the cluster before the disk is filled. */
const ROOM_BYTES = 64 * MIB;
const SMALLEST_WRITE_BYTES = 4096;
const FILLER = 'filler';

/** No separate disk can be mounted here. */
export class CannotMount extends Error {}

/**
 * A small file system in memory (tmpfs) with a folder's files, mounted on the folder. It requires Linux and root. When it is disposed,
 * the files are moved back to their disk; they must be closed by then. It is also unmounted when this process exits, except by
 * SIGKILL.
 */
export class SmallDisk implements Disposable {
  readonly #folder: string;
  /** The process under test may not have ended yet. */
  readonly #unmountAtExit = (): void => unmount(this.#folder, '--lazy');
  #isMounted = true;

  private constructor(folder: string) {
    this.#folder = folder;
    process.once('exit', this.#unmountAtExit);
  }

  /** @throws {CannotMount} and leaves the folder as it was. */
  static mountAt(folder: string): SmallDisk {
    if (process.platform !== 'linux') throw new CannotMount(`a tmpfs is mounted on Linux only, and this is ${process.platform}`);
    const onDisk = onDiskOf(folder);
    renameSync(folder, onDisk);
    mkdirSync(folder);
    const bytes = bytesIn(onDisk) + ROOM_BYTES;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'jobraft-soak', folder], { stdio: 'pipe' });
    } catch (error) {
      rmSync(folder, { recursive: true });
      renameSync(onDisk, folder);
      throw new CannotMount(error instanceof Error ? error.message.trim() : String(error));
    }
    const disk = new SmallDisk(folder);
    cpSync(onDisk, folder, { recursive: true });
    return disk;
  }

  /** Fills all remaining space, also space freed since the last call. */
  fill(): void {
    const descriptor = openSync(join(this.#folder, FILLER), 'a');
    try {
      let bytes = MIB;
      while (bytes >= SMALLEST_WRITE_BYTES) if (!wroteAll(descriptor, bytes)) bytes /= 2;
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  free(): void {
    rmSync(join(this.#folder, FILLER), { force: true });
  }

  [Symbol.dispose](): void {
    if (!this.#isMounted) return;
    this.free();
    const onDisk = onDiskOf(this.#folder);
    rmSync(onDisk, { recursive: true });
    cpSync(this.#folder, onDisk, { recursive: true });
    unmount(this.#folder);
    this.#isMounted = false;
    process.off('exit', this.#unmountAtExit);
    rmSync(this.#folder, { recursive: true });
    renameSync(onDisk, this.#folder);
  }
}

const onDiskOf = (folder: string): string => `${folder}.on-disk`;

const unmount = (...args: readonly string[]): void => void execFileSync('umount', [...args], { stdio: 'pipe' });

/** Whether there was space for all of it. */
function wroteAll(descriptor: number, bytes: number): boolean {
  try {
    return writeSync(descriptor, new Uint8Array(bytes)) === bytes;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}

function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
