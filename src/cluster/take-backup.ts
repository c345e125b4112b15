import { setTimeout as sleep } from 'node:timers/promises';
import { writeContents } from '../backup/backup-contents.ts';
import { createBackup } from '../backup/new-backup.ts';
import { ConfigError } from '../base/errors.ts';
import type { Client } from '../client/api/client.ts';
import { Queue } from '../client/api/queue.ts';
import { ClusterClosedError, NoLeaderError } from '../client/errors.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import { nodeFile } from './node-file.ts';

const CHUNK_BYTES = 1024 * 1024;
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
export async function takeBackup(path: string, source: BackupSource, growthBytesMax?: number): Promise<BackupInfo> {
  const { dataDir, clusterId, keys, isClosed } = source;
  if (dataDir === undefined) throw new ConfigError('storage', 'memory', 'Only a cluster with files can be backed up.');
  const { path: target, written } = await createBackup(path, async (sink) => {
    const leader = await readIndex(source);
    const { node, term } = leader;
    const file = nodeFile(dataDir, node);
    const contents = { file, keys, clusterId, leader, chunkBytes: CHUNK_BYTES, growthBytesMax, isClosed };
    return { ...(await writeContents(sink, contents)), term, node };
  });
  return { path: target, ...written };
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
