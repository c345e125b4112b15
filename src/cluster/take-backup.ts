import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, JobraftError } from '../base/errors.ts';
import type { Client } from '../client/api/client.ts';
import { Queue } from '../client/api/queue.ts';
import { ClusterClosedError, NoLeaderError } from '../client/errors.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { BackupReader } from '../storage/backup-reader.ts';
import { syncDirectory } from '../storage/data-directory.ts';
import { segmentBytes } from '../storage/segment-files.ts';
import { BackupError, backupFailed } from './backup-error.ts';
import { BackupWriter } from './backup-file.ts';
import { nodeFile } from './node-file.ts';

/** What is held in memory: a chunk as it is read, and as it is written. */
const CHUNK_BYTES = 1024 * 1024;
const GROWTH_BYTES_MAX = 1024 * 1024 * 1024;
const INDEX_WAIT_MS = 10_000;
const LOOK_EVERY_MS = 10;

/** A backup that was taken. */
export interface BackupInfo {
  readonly path: string;
  readonly bytes: number;
  /** It has the log's entries up to this one. */
  readonly index: number;
  readonly term: number;
  /** The node whose file was read. */
  readonly node: number;
}

export interface BackupSource {
  /** Undefined for a cluster in memory. */
  readonly dataDir: string | undefined;
  /** With which the nodes' files and the backup are encrypted. */
  readonly keys?: EncryptionKeys | undefined;
  readonly clusterId: number;
  readonly client: Client;
  /** Of all nodes that reply. */
  readonly statuses: () => Promise<readonly NodeStatus[]>;
  readonly isClosed: () => boolean;
}

/**
 * Writes the state of a running cluster to a new file: what the leader's file has, up to an index that covers everything acknowledged before
 * the call. The file appears under its name once it is complete and on disk.
 * @param growthBytesMax how much the WAL and the segments of the node's file may grow while it is read. Default: 1 GiB.
 * @throws {BackupError | StorageError | NoLeaderError | ClusterClosedError | ConfigError}
 */
export async function takeBackup(path: string, source: BackupSource, growthBytesMax = GROWTH_BYTES_MAX): Promise<BackupInfo> {
  const { dataDir } = source;
  if (dataDir === undefined) throw new ConfigError('storage', 'memory', 'Only a cluster with files can be backed up.');
  const target = resolve(path);
  checkFree(target);
  const { node, commit, term, voters } = await readIndex(source);
  const nodesFile = nodeFile(dataDir, node);
  const bytesMax = grownBytes(nodesFile) + growthBytesMax;
  using reader = await readerAt(nodesFile, commit, source);
  const { snapshot } = reader;
  const index = Math.max(commit, snapshot?.index ?? 0);
  const partial = `${target}.${randomUUID()}.part`;
  try {
    const file = await open(partial, 'wx', 0o600);
    try {
      const writer = new BackupWriter(file, source.keys);
      const checkpoint = snapshot === undefined ? null : { index: snapshot.index, term: snapshot.term };
      await writer.begin({ cluster: source.clusterId, index, term, members: [...voters], recordKinds: [...RECORD_KINDS], checkpoint });
      for (const records of reader.records(CHUNK_BYTES)) {
        checkMayGoOn(nodesFile, bytesMax, source);
        await writer.records(records);
      }
      for (const entries of reader.entries(index, CHUNK_BYTES)) {
        checkMayGoOn(nodesFile, bytesMax, source);
        await writer.entries(entries);
      }
      const bytes = await writer.end();
      checkFree(target);
      await rename(partial, target);
      syncDirectory(dirname(target));
      return { path: target, bytes, index, term, node };
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(partial, { force: true });
    throw error instanceof JobraftError ? error : backupFailed(`Writing the backup ${target}`, error);
  }
}

/**
 * A commit index that covers everything acknowledged before the call, and the leader whose it is. A linearizable read is confirmed by the
 * leader of the time; a majority that knows no later term shows that this leader is the one that was asked before and after.
 */
async function readIndex({ client, statuses, isClosed }: BackupSource): Promise<NodeStatus> {
  for (const untilMs = performance.now() + INDEX_WAIT_MS; performance.now() < untilMs; await sleep(LOOK_EVERY_MS)) {
    if (isClosed()) throw new ClusterClosedError();
    const before = leaderOf(await statuses());
    await using queue = new Queue('backup', { connection: client });
    await queue.getJobCounts();
    const found = await statuses();
    const leader = leaderOf(found);
    if (leader === undefined || leader.node !== before?.node || leader.term !== before.term) continue;
    const isMajority = (voters: readonly number[]): boolean =>
      2 * found.filter(({ node }) => voters.includes(node)).length > voters.length || voters.length === 0;
    if (found.every(({ term }) => term <= leader.term) && isMajority(leader.voters) && isMajority(leader.outgoing)) return leader;
  }
  throw new NoLeaderError();
}

function leaderOf(statuses: readonly NodeStatus[]): NodeStatus | undefined {
  return statuses.filter(({ state }) => state === 'leader').toSorted((one, other) => other.term - one.term)[0];
}

/** A view of the node's file that has the log up to the index: a leader commits by the disks of the others before its own. */
async function readerAt(file: string, index: number, { isClosed, keys }: BackupSource): Promise<BackupReader> {
  for (const untilMs = performance.now() + INDEX_WAIT_MS; ; await sleep(LOOK_EVERY_MS)) {
    if (isClosed()) throw new ClusterClosedError();
    const reader = new BackupReader({ file, recordKinds: RECORD_KINDS, entryKind: RECORD_KINDS[RecordKind.entry], keys });
    if (reader.last.index >= index) return reader;
    reader[Symbol.dispose]();
    if (performance.now() > untilMs)
      throw new BackupError(
        'BACKUP_FAILED',
        `${file} does not have entry ${index} after ${INDEX_WAIT_MS} ms: its node's disk is slow. Try again.`,
      );
  }
}

/** @throws {ClusterClosedError | BackupError} */
function checkMayGoOn(file: string, bytesMax: number, { isClosed }: BackupSource): void {
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

function checkFree(target: string): void {
  if (existsSync(target)) throw new BackupError('BACKUP_EXISTS', `${target} exists, and a backup overwrites nothing. Name another file.`);
}
