import type { Database } from 'better-sqlite3';

/** Less is not worth the time. */
const FREE_BYTES_MIN = 16 * 1024 * 1024;

/**
 * A file keeps its free pages for later writes. When more than half of it is free at a start, it is rewritten without them, atomically: the
 * time depends on the size of its data, not on its former size. Where the disk has no space for that the file stays.
 */
export function giveSpaceBack(db: Database): void {
  const pages = Number(db.pragma('page_count', { simple: true }));
  const free = Number(db.pragma('freelist_count', { simple: true }));
  const pageBytes = Number(db.pragma('page_size', { simple: true }));
  if (free * pageBytes < FREE_BYTES_MIN || 2 * free < pages) return;
  try {
    db.exec('VACUUM');
  } catch (error) {
    if (!isOutOfSpace(error)) throw error;
  }
}

/** No space on the disk, or in the folder for temporary files. */
const isOutOfSpace = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'SQLITE_FULL' || error.code === 'SQLITE_CANTOPEN');
