import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterClosedError } from '../client/errors.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { BackupReader } from '../storage/backup-reader.ts';
import { segmentBytes } from '../storage/segment-files.ts';
import { BackupError } from './backup-error.ts';
import { type BackupSink, BackupWriter } from './backup-file.ts';

const GROWTH_BYTES_MAX = 1024 * 1024 * 1024;
const INDEX_WAIT_MS = 10_000;
const LOOK_EVERY_MS = 10;
/** While a sink waits. */
const CHECK_EVERY_MS = 500;

/** What of which node a backup is made of. */
export interface BackupContents {
  /** The leader's file, which may be open in this process. */
  readonly file: string;
  /** With which it and the backup are encrypted. */
  readonly keys: EncryptionKeys | undefined;
  readonly clusterId: number;
  /** The leader, whose commit index covers everything acknowledged before the backup began. */
  readonly leader: Pick<NodeStatus, 'commit' | 'term' | 'voters'>;
  /** What is held in memory: a chunk as it is read, and as it is written. */
  readonly chunkBytes: number;
  /** How much the WAL and the segments of the node's file may grow while it is read. Default: 1 GiB. */
  readonly growthBytesMax?: number | undefined;
  /** The backup is given up. */
  readonly isClosed: () => boolean;
}

/** What was written. */
export interface WrittenBackup {
  readonly bytes: number;
  /** It has the log's entries up to this one. */
  readonly index: number;
}

/**
 * Writes what the leader's file has, up to its commit index or its checkpoint's, to the sink.
 * @throws {BackupError | StorageError | ClusterClosedError} and what the sink throws.
 */
export async function writeContents(sink: BackupSink, contents: BackupContents): Promise<WrittenBackup> {
  const { file, leader, clusterId, keys, chunkBytes, growthBytesMax = GROWTH_BYTES_MAX } = contents;
  const bytesMax = grownBytes(file) + growthBytesMax;
  using reader = await readerAt(contents);
  const check = (): void => checkMayGoOn(bytesMax, contents);
  using _checks = repeated(
    () => check(),
    (error) => sink.abort?.(error),
  );
  const { snapshot } = reader;
  const index = Math.max(leader.commit, snapshot?.index ?? 0);
  const writer = new BackupWriter(sink, keys);
  await writer.begin({
    ...{ cluster: clusterId, index, term: leader.term, members: [...leader.voters], recordKinds: [...RECORD_KINDS] },
    checkpoint: snapshot === undefined ? null : { index: snapshot.index, term: snapshot.term },
  });
  for (const records of reader.records(chunkBytes)) {
    check();
    await writer.records(records);
  }
  for (const entries of reader.entries(index, chunkBytes)) {
    check();
    await writer.entries(entries);
  }
  return { bytes: await writer.end(), index };
}

/** Checks again and again until it is disposed. @param onError with the first error. */
function repeated(check: () => void, onError: (error: Error) => void): Disposable {
  const timer = setInterval(() => {
    try {
      check();
    } catch (error) {
      clearInterval(timer);
      onError(error as Error);
    }
  }, CHECK_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** A view of the node's file that has the log up to the index: a leader commits by the disks of the others before its own. */
async function readerAt({ file, leader, isClosed, keys }: BackupContents): Promise<BackupReader> {
  for (const untilMs = performance.now() + INDEX_WAIT_MS; ; await sleep(LOOK_EVERY_MS)) {
    if (isClosed()) throw new ClusterClosedError();
    const reader = new BackupReader({ file, recordKinds: RECORD_KINDS, entryKind: RECORD_KINDS[RecordKind.entry], keys });
    if (reader.last.index >= leader.commit) return reader;
    reader[Symbol.dispose]();
    if (performance.now() > untilMs)
      throw new BackupError(
        'BACKUP_FAILED',
        `${file} does not have entry ${leader.commit} after ${INDEX_WAIT_MS} ms: its node's disk is slow. Try again.`,
      );
  }
}

/** @throws {ClusterClosedError | BackupError} */
function checkMayGoOn(bytesMax: number, { file, isClosed }: BackupContents): void {
  if (isClosed()) throw new ClusterClosedError();
  const bytes = grownBytes(file);
  if (bytes > bytesMax)
    throw new BackupError(
      'BACKUP_FAILED',
      `${file}-wal and the segments of the file have grown to ${bytes} bytes while it was read. Write the backup to a faster disk, or under less load.`,
    );
}

/** What is not used again while the file is read. */
const grownBytes = (file: string): number => (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) + segmentBytes(file);
