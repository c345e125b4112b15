import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, type Outcome } from '../base/errors.ts';
import { asGeneration, counterOf, type Generation, lifeOf } from '../base/generation.ts';
import { invariant } from '../base/invariant.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { replaceFile } from '../files/replace-file.ts';
import { makeDataDirectory } from '../storage/data-directory.ts';
import { StorageError } from '../storage/errors.ts';
import { openFileLock, SHARE } from '../storage/file-lock.ts';
import type { ClusterOrigin } from '../storage/row-codec.ts';
import { checkFolder } from './folder-check.ts';
import { type RecoveredCluster, recoverCluster } from './lost-manifest.ts';
import { checkNotServed, nodesWithFile } from './node-file.ts';

const MANIFEST_FILE = 'cluster.json';
/** Ids of disks and holders are random below this, so that two of one cluster practically never collide. */
const ID_MAX = 2 ** 47;

const NODE = z.int().min(1);
const MANIFEST = z.object({
  founders: z.array(z.object({ node: NODE, disk: z.int().min(1) })).min(1),
  nodes: z.array(NODE).min(1),
  made: z.array(NODE),
  /** The process that has the cluster now, or had it last; zero in folders of commit 57471be and before. */
  holder: z.int().min(0).default(0),
  /** Processes that had it before and whose leases may not be released yet. */
  departed: z.array(z.int().min(0)).default([]),
  /** Also in each node's file: a file of another cluster is not opened. Zero in folders of commit 036ee4b and before. */
  cluster: z.int().min(0).default(0),
  /** The latest generation seen of each disk, the oldest disk of a node first. */
  disks: z.array(z.object({ node: NODE, disk: z.int().min(0), generation: z.int().min(0) })).default([]),
});
/** The format of development commits before 37bee8d. */
const OLD_MANIFEST = z.strictObject({ nodes: z.array(NODE).min(1) });
/** Maximum number of departed processes with unreleased leases; only a cluster that never finds a leader reaches it. */
const DEPARTED_MAX = 1_000;
/** How many disks of one node are remembered: the current one, and those that were moved aside and may be put back. */
const DISKS_OF_NODE_MAX = 8;
/** How long a generation that only a checkpoint raised waits for others, to be written together with them. */
const CHECKPOINT_RECORD_MS = 5_000;
type StoredManifest = z.infer<typeof MANIFEST>;

/**
 * The nodes of an embedded cluster, kept in `cluster.json` beside their folders: the founders and the disks that they vote with, the
 * current nodes, and the nodes whose file was created. A founder whose file is lost gets another disk, and is treated like a new node: its
 * votes are lost.
 *
 * Until it is disposed it locks the folder, also while no node runs: the process that opens the folder next assumes that the previous
 * holder is gone, and releases its leases.
 */
export class ClusterManifest implements Disposable {
  readonly #dataDir: string | undefined;
  readonly #lock: Disposable | undefined;
  #isDisposed = false;
  #stored: StoredManifest;
  #recordTimer: NodeJS.Timeout | undefined;

  private constructor(dataDir: string | undefined, lock: Disposable | undefined, stored: StoredManifest) {
    this.#dataDir = dataDir;
    this.#lock = lock;
    this.#stored = stored;
  }

  /**
   * @param dataDir undefined keeps the manifest in memory.
   * @param nodes the nodes of a new cluster; for a folder that has one, its founders or its current nodes.
   * @param recovered the recovered contents of a lost `cluster.json`; see {@link recoveredCluster}.
   * @throws {ConfigError} when the folder belongs to a cluster of other nodes.
   * @throws {StorageError} STORAGE_IN_USE while another manifest of the folder is open; others when it cannot be read or written.
   */
  static open(dataDir: string | undefined, nodes: readonly number[], recovered?: RecoveredCluster): ClusterManifest {
    const lock = dataDir === undefined ? undefined : lockFolder(dataDir);
    try {
      return ClusterManifest.#openLocked(dataDir, lock, nodes, recovered);
    } catch (error) {
      lock?.[Symbol.dispose]();
      throw error;
    }
  }

  static #openLocked(
    dataDir: string | undefined,
    lock: Disposable | undefined,
    nodes: readonly number[],
    recovered: RecoveredCluster | undefined,
  ): ClusterManifest {
    const stored = dataDir === undefined ? undefined : (readManifest(dataDir) ?? rebuiltManifest(dataDir, recovered));
    if (stored !== undefined) {
      if (!isNamedBy(stored, nodes)) {
        throw new ConfigError(
          'nodes',
          nodes,
          `The folder ${dataDir} belongs to a cluster of the nodes ${stored.nodes.join(', ')}. Start those, or name another dataDir.`,
        );
      }
      const departed = [...new Set([...stored.departed, stored.holder])].slice(-DEPARTED_MAX);
      const manifest = new ClusterManifest(dataDir, lock, { ...stored, cluster: stored.cluster || newId(), holder: newHolder(), departed });
      // Before any file has the id: else a stop in between would leave files that belong to no cluster.
      if (stored.cluster === 0) manifest.#write('not-applied');
      return manifest;
    }
    const founders = nodes.map((node) => ({ node, disk: newId() }));
    const manifest = new ClusterManifest(dataDir, lock, {
      founders,
      nodes: [...nodes],
      made: [],
      holder: newHolder(),
      departed: [],
      cluster: newId(),
      disks: [],
    });
    manifest.#write('not-applied');
    return manifest;
  }

  /** The id under which this process holds leases. */
  get holder(): number {
    return this.#stored.holder;
  }

  /**
   * Departed processes whose leases must be released. This process may have had the folder before, in a cluster that was closed: then it
   * has not departed, and the process that opens the folder next releases its leases.
   */
  get departed(): readonly number[] {
    return this.#stored.departed.filter((holder) => !ownHolders.has(holder));
  }

  /** This process has the files: it is the holder from now on, and the previous holder has departed. */
  onTaken(): void {
    this.#write('not-applied');
  }

  onReleased(holders: readonly number[]): void {
    this.#update({ departed: this.#stored.departed.filter((holder) => !holders.includes(holder)) });
  }

  get founders(): readonly { readonly node: number; readonly disk: number }[] {
    return this.#stored.founders;
  }

  get nodes(): readonly number[] {
    return this.#stored.nodes;
  }

  /** Whether these are the nodes that it has, or those that it was formed with. */
  isNamedBy(nodes: readonly number[]): boolean {
    return isNamedBy(this.#stored, nodes);
  }

  /** The cluster that the nodes' files must belong to. */
  get origin(): ClusterOrigin {
    return { cluster: this.#stored.cluster, founders: this.#stored.founders };
  }

  /**
   * Compares the nodes' files with each other and with the recorded disks, before any node starts.
   * @param hasGenerations false where files have no generations. @param keys of encrypted files. @throws {StorageError} see `checkFolder`.
   */
  checkFiles(hasGenerations: boolean, keys?: EncryptionKeys): void {
    if (this.#dataDir === undefined) return;
    const { nodes, made } = this.#stored;
    const disks = this.#stored.disks.map((known) => ({ ...known, generation: asGeneration(known.generation) }));
    const found = checkFolder(this.#dataDir, { origin: this.origin, nodes, made, disks }, hasGenerations, keys);
    // Records that a lost or older cluster.json lacks.
    const isNews = ({ disk, generation }: (typeof found)[number]): boolean =>
      !disks.some((known) => known.disk === disk && counterOf(known.generation) >= counterOf(generation));
    const news = found.filter(isNews);
    this.#stored = { ...this.#stored, disks: [...news, ...disks.filter(({ disk }) => !news.some((known) => known.disk === disk))] };
  }

  /** The recorded generations of the node's disks. */
  recordedOf(node: number): readonly { readonly disk: number; readonly generation: Generation }[] {
    return this.#stored.disks
      .filter((known) => known.node === node)
      .map(({ disk, generation }) => ({ disk, generation: asGeneration(generation) }));
  }

  /**
   * Records the generation of a node's file: a file with an earlier one was restored from an older copy.
   * @param isCheckpoint raised by a checkpoint: it is written some seconds later. The other nodes have it in their logs.
   * @throws {StorageError}
   */
  onGeneration(node: number, disk: number, generation: Generation, isCheckpoint: boolean): void {
    if (disk === 0 || generation === 0) return;
    const others = this.#stored.disks.filter((known) => known.node !== node);
    const earlier = this.#stored.disks.filter((known) => known.node === node && known.disk !== disk);
    const disks = [...others, ...earlier.slice(1 - DISKS_OF_NODE_MAX), { node, disk, generation }];
    this.#stored = { ...this.#stored, disks };
    if (isCheckpoint) this.#recordTimer ??= setTimeout(() => this.#recordCheckpoints(), CHECKPOINT_RECORD_MS).unref();
    else this.#write();
  }

  /** The id for the node's disk if its file is created now. */
  newDiskIdOf(node: number): number {
    const founder = this.#stored.founders.find((known) => known.node === node);
    return founder === undefined || this.#stored.made.includes(node) ? newId() : founder.disk;
  }

  /** The nodes' files exist: a file that is created in their place from now on is another disk. */
  onFilesCreated(nodes: readonly number[]): void {
    const made = nodes.filter((node) => !this.#stored.made.includes(node));
    if (made.length > 0) this.#update({ made: [...this.#stored.made, ...made] });
  }

  add(nodes: readonly number[]): void {
    this.#update({ nodes: [...this.#stored.nodes, ...nodes.filter((node) => !this.#stored.nodes.includes(node))] });
  }

  remove(nodes: readonly number[]): void {
    this.#update({ nodes: this.#stored.nodes.filter((node) => !nodes.includes(node)) });
  }

  /** Nothing is written after this: another process may use the folder. */
  [Symbol.dispose](): void {
    clearTimeout(this.#recordTimer);
    this.#isDisposed = true;
    this.#lock?.[Symbol.dispose]();
  }

  #recordCheckpoints(): void {
    this.#recordTimer = undefined;
    try {
      this.#write();
    } catch {
      // The nodes' logs also have the record; a failed write is reported where it matters.
    }
  }

  #update(parts: Partial<StoredManifest>): void {
    this.#stored = { ...this.#stored, ...parts };
    this.#write();
  }

  /** @param outcome the outcome of the calling operation if the write fails. */
  #write(outcome: Outcome = 'unknown'): void {
    const dataDir = this.#dataDir;
    if (dataDir === undefined || this.#isDisposed) return;
    try {
      const file = join(dataDir, MANIFEST_FILE);
      makeDataDirectory(file);
      // Synced with its folder: a former file would have a disk id that was given up since.
      replaceFile(file, `${JSON.stringify(this.#stored)}\n`);
    } catch (cause) {
      throw notWritable(dataDir, cause, outcome);
    }
  }
}

function notWritable(dataDir: string, cause: unknown, outcome: Outcome): StorageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const isFull = cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC';
  const remedy = isFull ? 'Free some space on its disk.' : 'Name a folder that this user may write, or name another dataDir.';
  const code = isFull ? 'STORAGE_FULL' : 'STORAGE_FAILED';
  return new StorageError(code, `The data folder ${dataDir} cannot be written (${reason}). ${remedy}`, { cause, outcome });
}

/** @throws {StorageError} */
function lockFolder(dataDir: string): Disposable {
  const file = join(dataDir, MANIFEST_FILE);
  try {
    makeDataDirectory(file);
  } catch (cause) {
    throw notWritable(dataDir, cause instanceof StorageError ? cause.cause : cause, 'not-applied');
  }
  return openFileLock(file, `The data folder ${dataDir} is in use by another cluster, of this process or of another one. ${SHARE}`);
}

/** A new id of a cluster, a disk or a holder of leases. */
export const newId = (): number => randomInt(1, ID_MAX);

/** The random number for a node's thread that opens its file now. */
export const newLife = (): number => lifeOf(randomInt(ID_MAX));

/** The ids under which this process holds, or held, leases. */
const ownHolders = new Set<number>();

function newHolder(): number {
  const holder = newId();
  ownHolders.add(holder);
  return holder;
}

const isSameSet = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && one.every((node) => other.includes(node));

const isNamedBy = ({ founders, nodes }: StoredManifest, named: readonly number[]): boolean =>
  isSameSet(
    named,
    founders.map(({ node }) => node),
  ) || isSameSet(named, nodes);

/** @returns undefined where the folder has none. @throws {StorageError} for one that cannot be read, or is damaged. */
export function readManifest(dataDir: string): StoredManifest | undefined {
  const file = join(dataDir, MANIFEST_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    // For any other error the file exists: a new one in its place would let the nodes vote with other disks.
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return undefined;
    throw new StorageError(
      'STORAGE_FAILED',
      `The file ${file} cannot be read (${cause instanceof Error ? cause.message : String(cause)}). Make it a file that this user may read, or name another dataDir.`,
      { cause, outcome: 'not-applied' },
    );
  }
  try {
    const json: unknown = JSON.parse(text);
    const parsed = MANIFEST.safeParse(json);
    if (parsed.success) return parsed.data;
    if (OLD_MANIFEST.safeParse(json).success) {
      throw new StorageError(
        'STORAGE_SCHEMA',
        `The folder ${dataDir} was written by a development commit of jobraft before 37bee8d, which this release does not read. Nothing is damaged: empty its queues with the commit that wrote it, or name another dataDir.`,
        { outcome: 'not-applied' },
      );
    }
  } catch (error) {
    if (error instanceof StorageError) throw error;
    // Reported below, with the remedy.
  }
  throw new StorageError(
    'STORAGE_DAMAGED',
    `The file ${file} is not a valid manifest of a cluster: it must name the founders and their disks, the nodes, and the nodes whose files were made. Restore it from a backup of this cluster; or move it away, and it is rebuilt from the nodes' files, if all of them are sound.`,
    { outcome: 'not-applied' },
  );
}

/**
 * The cluster as its nodes' files describe it, when `cluster.json` is lost; undefined when it exists, or no file does.
 * @throws {StorageError} when the files do not suffice, with the remedy; for folders of nodes that run as processes.
 */
export function recoveredCluster(dataDir: string, keys?: EncryptionKeys): RecoveredCluster | undefined {
  checkNotServed(dataDir);
  if (existsSync(join(dataDir, MANIFEST_FILE)) || nodesWithFile(dataDir).length === 0) return undefined;
  return recoverCluster(dataDir, keys);
}

function rebuiltManifest(dataDir: string, found: RecoveredCluster | undefined): StoredManifest | undefined {
  if (found === undefined) {
    invariant(nodesWithFile(dataDir).length === 0, () => `${dataDir} has nodes' files and no ${MANIFEST_FILE}: it was not recovered`);
    return undefined;
  }
  const founders = found.founders.map(({ node, disk }) => ({ node, disk }));
  const nodes = [...found.nodes];
  // A missing file is a lost one: a file that is created in its place is another disk.
  const made = [...new Set([...founders.map(({ node }) => node), ...nodes])];
  return { founders, nodes, made, holder: 0, departed: [], cluster: found.cluster, disks: [] };
}
