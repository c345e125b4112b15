/** Jobs whose ids are neighbours stand in one record, so that a checkpoint writes a row for many of them. */
export const RECORD_PAGE_JOBS = 32;

/** Small contents of neighbours share a record up to this size: with what SQLite adds it fits into one of its pages of 4 KiB. */
export const PACK_BYTES_MAX = 3_500;

/** Stands in place of a job's position in a pack: its content has a record of its own. */
export const ALONE = 255;

export const pageOf = (jobId: number): number => Math.floor(jobId / RECORD_PAGE_JOBS);

/** What the checkpoint on disk holds of the jobs, as far as that does not follow from the jobs themselves. */
export class CheckpointLayout {
  readonly #pages = new Set<number>();
  /** How many jobs of each pack still exist, by the id of its first job. */
  readonly #packs = new Map<number, number>();

  pageWritten(page: number): void {
    this.#pages.add(page);
  }

  /** No job of the page is left. @returns whether it has to be deleted. */
  pageEmptied(page: number): boolean {
    return this.#pages.delete(page);
  }

  packed(firstId: number): void {
    this.#packs.set(firstId, (this.#packs.get(firstId) ?? 0) + 1);
  }

  /** One job of the pack is gone. @returns whether it was the last, so that the pack has to be deleted; until then its content stays. */
  unpacked(firstId: number): boolean {
    const left = (this.#packs.get(firstId) ?? 0) - 1;
    if (left > 0) this.#packs.set(firstId, left);
    else this.#packs.delete(firstId);
    return left <= 0;
  }
}
