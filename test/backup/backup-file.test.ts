import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackupError } from '../../src/backup/backup-error.ts';
import { BackupFile, type BackupPart, BackupWriter } from '../../src/backup/backup-file.ts';
import { type EncryptionKeys, newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import { anEntry, pattern, sent } from '../storage/storage-fixtures.ts';

const KEYS: EncryptionKeys = [newEncryptionKey()];
const HEADER = { cluster: 7, index: 3, term: 2, members: [1], recordKinds: ['job', 'session'], checkpoint: { index: 1, term: 1 } };
const PARTS: readonly BackupPart[] = [
  { type: 'records', records: [sent(0, 1, pattern(20))] },
  { type: 'records', records: [sent(1, 1, pattern(30))] },
  { type: 'entries', entries: [anEntry(2), anEntry(3, { data: pattern(40) })] },
];

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-backup-'));
  path = join(folder, 'jobs.backup');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function write(keys: EncryptionKeys | undefined): Promise<Buffer> {
  const file = await open(path, 'w');
  const writer = new BackupWriter({ write: async (bytes) => void (await file.write(bytes)) }, keys);
  await writer.begin(HEADER);
  for (const part of PARTS) await (part.type === 'records' ? writer.records(part.records) : writer.entries(part.entries));
  expect(await writer.end()).toBe(readFileSync(path).length);
  await file.close();
  return readFileSync(path);
}

async function read(keys: EncryptionKeys | undefined): Promise<BackupPart[]> {
  await using backup = await BackupFile.open(path, keys);
  expect(backup.header).toEqual(HEADER);
  const parts: BackupPart[] = [];
  for await (const part of backup.parts()) parts.push(part);
  return parts;
}

describe('a backup', () => {
  it.each(['without keys', 'with keys'])('written %s has all parts, in their order', async (how) => {
    const keys = how === 'with keys' ? KEYS : undefined;
    const written = await write(keys);
    expect(written.includes(Buffer.from(pattern(30)))).toBe(keys === undefined);
    expect(await read(keys)).toEqual(PARTS);
    // One that is not encrypted needs no key, and may be read with some.
    expect(await read(keys ?? KEYS)).toEqual(PARTS);
  });

  it('that is encrypted names its key where it is missing, and is damaged by any flipped bit', async () => {
    const written = await write(KEYS);
    for (const keys of [undefined, [newEncryptionKey()] as const])
      await expect(read(keys)).rejects.toMatchObject({ code: 'BACKUP_KEY_MISSING', message: expect.stringContaining(KEYS[0].id) });
    for (let at = 0; at < written.length; at += 1) {
      const flipped = Buffer.from(written);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at % 8)), at);
      writeFileSync(path, flipped);
      await expect(read(KEYS), `byte ${at}`).rejects.toBeInstanceOf(BackupError);
    }
  });
});
