import type { Database } from 'better-sqlite3';

/** Less than this is not worth the time. */
const FREE_BYTES_MIN = 16 * 1024 * 1024;

/**
 * A file keeps the pages that became free, for what comes next. When more than half of it is free at a start, it is written anew without
 * them, atomically: that takes as long as what is in it is large, whatever once was. Where the disk has no room for that the file stays.
 */
export function giveSpaceBack(db: Database): void {
  const pages = Number(db.pragma('page_count', { simple: true }));
  const free = Number(db.pragma('freelist_count', { simple: true }));
  const pageBytes = Number(db.pragma('page_size', { simple: true }));
  if (free * pageBytes < FREE_BYTES_MIN || 2 * free < pages) return;
  try {
    db.exec('VACUUM');
  } catch (error) {
    if (!isWithoutRoom(error)) throw error;
  }
}

/** Of the disk, or of the folder for temporary files. */
const isWithoutRoom = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'SQLITE_FULL' || error.code === 'SQLITE_CANTOPEN');
