import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { replaceFile } from '../measuring/replace-file.ts';

interface RawRecord {
  readonly raw: string;
  readonly record: Readonly<Record<string, string>>;
}

/**
 * Removes from a CSV the rows of sessions that began before `since`, so that everything that is shown is of one full session. Sessions are
 * named by their start, ISO 8601. Other rows stay as they are, byte for byte.
 */
export function keepSessionsSince(file: string, since: string): void {
  if (!existsSync(file)) return;
  const text = readFileSync(file, 'utf8');
  const header = text.slice(0, text.indexOf('\n') + 1);
  const records: RawRecord[] = parse(text, { columns: true, raw: true });
  const kept = records.filter(({ record }) => (record.session ?? '') >= since);
  if (kept.length < records.length) replaceFile(file, Buffer.from(header + kept.map(({ raw }) => raw).join('')));
}
