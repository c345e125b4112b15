import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackupWriter } from '../../src/backup/backup-file.ts';
import { createBackup } from '../../src/backup/new-backup.ts';
import { restoreBackup } from '../../src/index.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { restoreNode } from '../../src/server/index.ts';
import { anEntry } from '../storage/storage-fixtures.ts';
import { jobraft } from './recorded-output.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-restore-'));
  file = join(folder, 'jobs.backup');
  await createBackup(file, async (sink) => {
    const writer = new BackupWriter(sink, undefined);
    await writer.begin({ cluster: 7, index: 2, term: 1, members: [1], recordKinds: [...RECORD_KINDS], checkpoint: null });
    for (const index of [1, 2]) await writer.entries([anEntry(index)]);
    await writer.end();
  });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const ways = ['--data-dir', '--config'] as const;
/** The command's words for each way to restore. */
function wordsOf(way: (typeof ways)[number]): readonly string[] {
  const dataDir = join(folder, 'restored');
  if (way === '--data-dir') return ['restore', file, way, dataDir];
  const config = join(folder, 'node-1.yaml');
  writeFileSync(config, JSON.stringify({ id: 1, cluster: 'jobs', nodes: [{ id: 1, address: '127.0.0.1:7101' }], dataDir }));
  return ['restore', file, way, config];
}

const left = (): readonly string[] => readdirSync(folder).filter((name) => name.startsWith('restored'));

/** A signal that is aborted once the restore has begun to write. */
function whileWritten(): AbortSignal {
  const { signal } = new AbortController();
  Object.defineProperty(signal, 'aborted', { get: () => left().some((name) => name.includes('.restoring-')) });
  Object.defineProperty(signal, 'reason', { value: 130 });
  return signal;
}

describe('a restore that is interrupted', () => {
  it.each(ways)('before it has read its backup leaves nothing and ends with the code of the signal: %s', async (way) => {
    expect(await jobraft(wordsOf(way), { signal: AbortSignal.abort(143) })).toEqual({ code: 143, out: '', err: '' });
    expect(left()).toEqual([]);
  });

  it.each(ways)('once it is done prints what it made, and has succeeded: %s', async (way) => {
    const controller = new AbortController();
    const onOutput = (): void => controller.abort(130);
    expect(await jobraft(wordsOf(way), { signal: controller.signal, onOutput })).toMatchObject({
      code: 0,
      out: expect.stringContaining('up to entry 2'),
      err: '',
    });
    expect(left()).toEqual(['restored']);
  });

  it('while it writes leaves nothing, and is rejected', async () => {
    const dataDir = join(folder, 'restored');
    const rejected = { code: 'BACKUP_FAILED', message: expect.stringContaining('Nothing is left of it'), cause: 130 };
    await expect(restoreBackup({ file, dataDir, signal: whileWritten() })).rejects.toMatchObject(rejected);
    const options = { id: 1, cluster: 'jobs', nodes: [{ id: 1, address: '127.0.0.1:7101' }], dataDir };
    await expect(restoreNode(file, options, { signal: whileWritten() })).rejects.toMatchObject(rejected);
    expect(left()).toEqual([]);
  });

  it('rejects a signal that is none', async () => {
    const dataDir = join(folder, 'restored');
    await expect(restoreBackup({ file, dataDir, signal: 'now' as never })).rejects.toMatchObject({ code: 'CONFIG_INVALID', key: 'signal' });
  });
});
