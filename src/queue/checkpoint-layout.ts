import { UseCount } from './use-count.ts';

/** Jobs with neighbouring ids are in one record, so that a checkpoint writes one row for many of them. */
export const RECORD_PAGE_JOBS = 32;

/** Small payloads of neighbours share a record up to this size: with SQLite's overhead it fits into one page of 4 KiB. */
export const PACK_BYTES_MAX = 3_500;

/** Replaces a job's position in a pack: its payload has a record of its own. */
export const ALONE = 255;

/** Replaces a job's position in a pack: its payload is a part of a log entry that the checkpoint keeps. */
export const IN_ENTRY = 254;

/** Replaces a job's position in a pack: its payload replaced that of its add. It is in no pack, whose key may be the job's own. */
export const REPLACED = 253;

/**
 * An entry is kept until its last large payload is gone, so up to this many times a payload's size may be unused on disk. Entries collect
 * requests up to 256 KiB, so this is also the share of a payload of 8 KiB in such an entry.
 */
const ENTRY_SHARE = 32;

/**
 * Whether a payload stays where the log has it. The disk then writes it once, not once more for the checkpoint, which doubled the rate
 * of adds of 8 KiB to 1 MiB (measured, three nodes on one disk). A payload that is small beside its entry would keep too much on disk.
 */
export const staysInEntry = (payloadBytes: number, entryBytes: number, payloadBytesMin: number): boolean =>
  payloadBytes >= payloadBytesMin && payloadBytes * ENTRY_SHARE >= entryBytes;

export const pageOf = (jobId: number): number => Math.floor(jobId / RECORD_PAGE_JOBS);

/** What the checkpoint on disk has of the jobs, as far as that does not follow from the jobs themselves. */
export class CheckpointLayout {
  readonly #pages = new Set<number>();
  /** Of the links of children. */
  readonly childPages = new Set<number>();
  /** The number of remaining jobs of each pack, by the id of its first job. A pack stays until the last of them is gone. */
  readonly packs = new UseCount();
  /** The number of jobs whose payloads are in each kept entry, by its index. */
  readonly entries = new UseCount();

  pageWritten(page: number): void {
    this.#pages.add(page);
  }

  /** No job of the page is left. @returns whether it has to be deleted. */
  pageEmptied(page: number): boolean {
    return this.#pages.delete(page);
  }
}
