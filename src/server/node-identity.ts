import { randomInt } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDataDirectory, syncDirectory } from '../storage/data-directory.ts';
import { StorageError } from '../storage/errors.ts';
import { openFileLock } from '../storage/file-lock.ts';
import type { StoredAddresses } from './address-book.ts';
import type { FormedCluster } from './formation.ts';

/** Who a node is, in its folder. */
export const NODE_FILE = 'node.json';
const ID_MAX = 2 ** 47;

const ADDRESS = z.object({ id: z.int().min(1), address: z.string() });
const FOUNDER = z.object({ node: z.int().min(1), disk: z.int().min(1) });
const IDENTITY = z.object({
  clusterName: z.string(),
  node: z.int().min(1),
  disk: z.int().min(1),
  formed: z.object({ cluster: z.int().min(1), founders: z.array(FOUNDER).min(1) }).optional(),
  /** The node's file was created: one that is created in its place from now on is another disk. */
  made: z.boolean().default(false),
  /** The node was started to join a running cluster, and has not been seen among its voters yet. */
  joining: z.boolean().default(false),
  addresses: z.array(ADDRESS).default([]),
  announced: z.array(ADDRESS).default([]),
  configured: z.array(ADDRESS).default([]),
});
type StoredIdentity = z.infer<typeof IDENTITY>;

/**
 * Who a node is, in `node.json` of its folder: the disk is on record before any other node receives it, and the cluster before the node's file
 * exists. It locks the folder until it is disposed.
 */
export class NodeIdentity implements Disposable {
  readonly #dataDir: string;
  readonly #lock: Disposable;
  #stored: StoredIdentity;

  private constructor(dataDir: string, lock: Disposable, stored: StoredIdentity) {
    this.#dataDir = dataDir;
    this.#lock = lock;
    this.#stored = stored;
  }

  /** @throws {StorageError} STORAGE_IN_USE, STORAGE_FOREIGN for the folder of another node or cluster, STORAGE_DAMAGED, STORAGE_FAILED. */
  static open(dataDir: string, clusterName: string, node: number): NodeIdentity {
    const file = join(dataDir, NODE_FILE);
    makeDataDirectory(file);
    const lock = openFileLock(
      file,
      `The data folder ${dataDir} is in use: another process runs a node on it. End that process, or give this node a folder of its own ("dataDir", JOBRAFT_DATA_DIR).`,
    );
    try {
      const stored = readIdentity(file);
      if (stored !== undefined) {
        checkOwner(dataDir, stored, clusterName, node);
        return new NodeIdentity(dataDir, lock, stored);
      }
      const identity = new NodeIdentity(dataDir, lock, IDENTITY.parse({ clusterName, node, disk: randomInt(1, ID_MAX) }));
      identity.#write();
      return identity;
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  get disk(): number {
    return this.#stored.disk;
  }

  get formed(): FormedCluster | undefined {
    return this.#stored.formed;
  }

  /** @param joining the node joins a cluster that runs. */
  onFormed(formed: FormedCluster, joining = false): void {
    const founders = formed.founders.map((founder) => ({ ...founder }));
    this.#change({ formed: { cluster: formed.cluster, founders }, joining });
  }

  /** The node joins a cluster that runs: it is no founder, and not a voter yet. */
  get isJoining(): boolean {
    return this.#stored.joining;
  }

  onJoining(): void {
    if (!this.#stored.joining) this.#change({ joining: true });
  }

  onJoined(): void {
    if (this.#stored.joining) this.#change({ joining: false });
  }

  get addresses(): StoredAddresses {
    return this.#stored;
  }

  onAddresses({ addresses, announced, configured }: StoredAddresses): void {
    this.#change({ addresses: [...addresses], announced: [...announced], configured: [...configured] });
  }

  /** The node's file was assigned to a new cluster, as another disk. */
  onForced(disk: number, { cluster, founders }: FormedCluster): void {
    this.#change({ disk, formed: { cluster, founders: founders.map((founder) => ({ ...founder })) }, made: true, joining: false });
  }

  /** The id for the node's disk if its file is created now. */
  get newDiskId(): number {
    return this.#stored.made ? randomInt(1, ID_MAX) : this.#stored.disk;
  }

  /** The node's file exists. */
  onFileMade(): void {
    if (!this.#stored.made) this.#change({ made: true });
  }

  [Symbol.dispose](): void {
    this.#lock[Symbol.dispose]();
  }

  #change(changes: Partial<StoredIdentity>): void {
    this.#stored = { ...this.#stored, ...changes };
    this.#write();
  }

  #write(): void {
    const file = join(this.#dataDir, NODE_FILE);
    try {
      const descriptor = openSync(`${file}.new`, 'w');
      try {
        writeSync(descriptor, `${JSON.stringify(this.#stored)}\n`);
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      renameSync(`${file}.new`, file);
      syncDirectory(this.#dataDir);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new StorageError(
        'STORAGE_FAILED',
        `The file ${file} cannot be written (${reason}). Let this user write the folder, and free some space.`,
        {
          cause,
          outcome: 'not-applied',
        },
      );
    }
  }
}

function readIdentity(file: string): StoredIdentity | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError('STORAGE_FAILED', `The file ${file} cannot be read (${reason}). Let this user read it.`, {
      cause,
      outcome: 'not-applied',
    });
  }
  try {
    return IDENTITY.parse(JSON.parse(text));
  } catch (cause) {
    throw new StorageError(
      'STORAGE_DAMAGED',
      `The file ${file} does not say which node's folder this is. Restore it from a backup; or, if the other nodes are a majority, empty the folder: the node then gets everything from them.`,
      { cause, outcome: 'not-applied' },
    );
  }
}

/** @throws {StorageError} */
function checkOwner(dataDir: string, stored: StoredIdentity, clusterName: string, node: number): void {
  if (stored.node === node && stored.clusterName === clusterName) return;
  throw new StorageError(
    'STORAGE_FOREIGN',
    `The data folder ${dataDir} belongs to node ${stored.node} of the cluster "${stored.clusterName}", and the configuration names node ${node} of "${clusterName}". Name the folder of this node, or an empty one.`,
    { outcome: 'not-applied' },
  );
}
