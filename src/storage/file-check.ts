import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import { damaged, storageErrorOf } from './sqlite-errors.ts';

const HEADER_BYTES = 100;

/** With damage in one of these, SQLite reports a misleading error, or even treats the file as empty. */
const HEADER_FIELDS: readonly { readonly at: number; readonly bytes: 1 | 4; readonly name: string; readonly value: number }[] = [
  { at: 20, bytes: 1, name: 'reserved space', value: 0 },
  { at: 21, bytes: 1, name: 'largest payload fraction', value: 64 },
  { at: 22, bytes: 1, name: 'smallest payload fraction', value: 32 },
  { at: 23, bytes: 1, name: 'leaf payload fraction', value: 32 },
  { at: 44, bytes: 4, name: 'schema format', value: 4 },
  { at: 48, bytes: 4, name: 'cache size', value: 0 },
  { at: 52, bytes: 4, name: 'largest root page', value: 0 },
  { at: 56, bytes: 4, name: 'text encoding', value: 1 },
  { at: 64, bytes: 4, name: 'vacuum mode', value: 0 },
  ...[72, 76, 80, 84, 88].map((at) => ({ at, bytes: 4, name: 'space for expansion', value: 0 }) as const),
];

/**
 * Compares the part of the database's header that is the same in every file of jobraft, before SQLite reads it. Format:
 * https://www.sqlite.org/fileformat2.html#the_database_header.
 * @param applicationId a file with another one is left to the caller's check of the file's identity.
 * @throws {StorageError} STORAGE_DAMAGED
 */
export function checkHeader(file: string, applicationId: number): void {
  // A power cut while the file was being created; SQLite rolls it back to an empty file.
  if (!existsSync(file) || existsSync(`${file}-journal`)) return;
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  if (!readHeader(file, header) || header.getUint32(68) !== applicationId) return;
  const pageBytes = header.getUint16(16);
  if (pageBytes < 512 || (pageBytes & (pageBytes - 1)) !== 0) throw damaged(file, `its header gives the page size ${pageBytes}`);
  // 2 with a WAL; 1 after a tool copied the file without using one.
  const versions = header.getUint16(18);
  if (versions !== 0x0202 && versions !== 0x0101) throw damaged(file, 'its header gives versions for writing and reading that do not fit');
  for (const { at, bytes, name, value } of HEADER_FIELDS) {
    const found = bytes === 1 ? header.getUint8(at) : header.getUint32(at);
    if (found !== value) throw damaged(file, `its header gives the ${name} ${found} and not ${value}`);
  }
}

function readHeader(file: string, header: DataView): boolean {
  try {
    const descriptor = openSync(file, 'r');
    try {
      return readSync(descriptor, header, 0, HEADER_BYTES, 0) === HEADER_BYTES;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw storageErrorOf(error, file, 'read the header of the data file');
  }
}

/**
 * Walks every page: a row's checksum does not cover the tree that leads to it, nor the list of free pages; with damage there SQLite
 * overwrites pages in use. Takes a tenth to a half of the time of reading all rows, which the start does anyway (200 MB: 0.03 to 0.1 s).
 * @throws {StorageError} STORAGE_DAMAGED, naming the page.
 */
export function checkStructure(db: Database, file: string): void {
  const found: unknown = db.pragma('quick_check(1)', { simple: true });
  if (found !== 'ok') throw damaged(file, `its pages do not form a database (${String(found).replaceAll('\n', ' ')})`);
}

/**
 * Compares the definitions of the tables, which have no checksum, with their known text.
 * @param needed the tables that always exist.
 * @param sqlOf the definition of a table of this name; undefined for an unknown name.
 * @throws {StorageError} STORAGE_DAMAGED
 */
export function checkTables(db: Database, file: string, needed: readonly string[], sqlOf: (table: string) => string | undefined): void {
  const found = new Set<string>();
  for (const row of db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema').raw().iterate()) {
    const [type, name, table, sql] = (row as unknown[]).map(String);
    const expected = name === undefined ? undefined : sqlOf(name);
    if (type !== 'table' || table === undefined || table !== name || expected === undefined || oneLine(sql ?? '') !== oneLine(expected)) {
      throw damaged(file, `the definition of its ${type} "${name}" is not as it was written`);
    }
    found.add(table);
  }
  for (const table of needed) if (!found.has(table)) throw damaged(file, `its table "${table}" is missing`);
}

const oneLine = (sql: string): string => sql.replace(/\s+/g, ' ').replace(/\( | \)/g, (bracket) => bracket.trim());
