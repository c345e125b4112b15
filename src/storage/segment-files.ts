import { closeSync, existsSync, fchmodSync, fchownSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { SegmentReference } from './segment-reference.ts';
import { codeOf, damaged } from './sqlite-errors.ts';

/** A reference has the number in 32 bits; a file beside the node's with a larger one is none of its segments. */
const NUMBER_MAX = 2 ** 31;

/** Segments that are open for reading; beyond it the one that was opened first is closed. */
const OPEN_MAX = 64;

export const segmentPath = (file: string, segment: number): string => `${file}-segment-${segment}`;

/** The numbers of the segments beside a node's file, in ascending order. */
export function segmentNumbers(file: string): number[] {
  const prefix = `${basename(file)}-segment-`;
  return namesBeside(file)
    .filter((name) => name.startsWith(prefix) && /^[1-9][0-9]{0,9}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .filter((number) => number <= NUMBER_MAX)
    .toSorted((one, other) => one - other);
}

/** Gives a new file beside a node's the mode of that, and its owner, as SQLite does for the files that it makes: the node may run as another user next time. */
export function adoptOwner(descriptor: number, file: string): void {
  const { mode, uid, gid } = statSync(file);
  fchmodSync(descriptor, mode);
  if (process.getuid?.() === 0) fchownSync(descriptor, uid, gid);
}

/** Reads what rows of a node's file refer to. */
export class SegmentReads implements Disposable {
  readonly #file: string;
  /** Descriptors, by the number of the segment. */
  readonly #open = new Map<number, number>();

  constructor(file: string) {
    this.#file = file;
  }

  /** @param what has the reference, for the error. @throws {StorageError} when the segment, or a part of it, is missing. */
  read({ segment, offset, length }: SegmentReference, what: string): Uint8Array {
    const bytes = new Uint8Array(length);
    try {
      const descriptor = this.#descriptorOf(segment);
      for (let at = 0; at < length; ) {
        const count = readSync(descriptor, bytes, at, length - at, offset + at);
        if (count === 0) throw damaged(this.#file, `the segment ${segment} ends before the data of ${what}`);
        at += count;
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw damaged(this.#file, `the segment ${segment} with the data of ${what} is missing`, error);
      throw error;
    }
    return bytes;
  }

  /** A segment is removed. */
  forget(segment: number): void {
    const descriptor = this.#open.get(segment);
    if (descriptor === undefined) return;
    this.#open.delete(segment);
    closeSync(descriptor);
  }

  [Symbol.dispose](): void {
    for (const segment of [...this.#open.keys()]) this.forget(segment);
  }

  #descriptorOf(segment: number): number {
    const known = this.#open.get(segment);
    if (known !== undefined) return known;
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= OPEN_MAX) this.forget(oldest);
    const descriptor = openSync(segmentPath(this.#file, segment), 'r');
    this.#open.set(segment, descriptor);
    return descriptor;
  }
}

/** What the segments beside a node's file take on the disk. */
export const segmentBytes = (file: string): number =>
  segmentNumbers(file).reduce((sum, number) => sum + (statSync(segmentPath(file, number), { throwIfNoEntry: false })?.size ?? 0), 0);

/** Without folders. */
const namesBeside = (file: string): string[] => {
  const folder = dirname(resolve(file));
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [] : [entry.name]));
};
