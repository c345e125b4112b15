import { createRequire } from 'node:module';
import type { Database, Options } from 'better-sqlite3';

/**
 * Opens a database. Only whoever opens one loads the package: it is CommonJS, which a bundle in the form of ES modules cannot load; and with
 * import() a bundle would have several files, which not every setting of a bundler allows.
 */
export function openSqlite(file: string, options: Options): Database {
  // The only cast: the package's own types say what it exports.
  const Sqlite = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3');
  return new Sqlite(file, options);
}
