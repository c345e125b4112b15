import { createRequire } from 'node:module';
import type { Database, Options } from 'better-sqlite3';

/**
 * Opens a database. The package is loaded only by the first call: it is CommonJS, which a bundle in ES module format cannot load; and with
 * import() a bundle would have several files, which not every bundler setting allows.
 */
export function openSqlite(file: string, options: Options): Database {
  // The only cast: the package's types define its exports.
  const Sqlite = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3');
  return new Sqlite(file, options);
}
