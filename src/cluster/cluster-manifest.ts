import { randomInt } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { ConfigError, type Outcome } from '../base/errors.ts';
import { asGeneration, counterOf, type Generation, lifeOf } from '../base/generation.ts';
import { invariant } from '../base/invariant.ts';
import { makeDataDirectory, syncDirectory } from '../storage/data-directory.ts';
import { StorageError } from '../storage/errors.ts';
import { openFileLock } from '../storage/file-lock.ts';
import type { ClusterOrigin } from '../storage/row-codec.ts';
import { checkFolder } from './folder-check.ts';
import { type RecoveredCluster, recoverCluster } from './lost-manifest.ts';
import { nodesWithFile } from './node-file.ts';

const ROSTER_FILE = 'cluster.json';
/** Ids of disks and holders are random below this; two of one cluster never meet in one. */
const ID_MAX = 2 ** 47;

const NODE = z.int().min(1);
const ROSTER = z.object({
  founders: z.array(z.object({ node: NODE, disk: z.int().min(1) })).min(1),
  nodes: z.array(NODE).min(1),
  made: z.array(NODE),
  /** The process that has the cluster now, or had it last; none in folders of commit 57471be and before. */
  holder: z.int().min(0).default(0),
  /** Processes that had it before and whose leases may not be released yet. */
  departed: z.array(z.int().min(0)).default([]),
  /** Is in each node's file, too: a file of another cluster is not opened. Zero in folders of commit 036ee4b and before. */
  cluster: z.int().min(0).default(0),
  /** The latest generation that was seen of each disk, the oldest disk of a node first. */
  disks: z.array(z.object({ node: NODE, disk: z.int().min(0), generation: z.int().min(0) })).default([]),
});
/** What development commits before 37bee8d wrote. */
const ROSTER_OF_OLD = z.strictObject({ nodes: z.array(NODE).min(1) });
/** Processes that are gone and not released at the same time; more come only of a cluster that never finds a leader. */
const DEPARTED_MAX = 1_000;
/** How many disks of one node are remembered: the present one, and those that were moved aside and may be put back. */
const DISKS_OF_NODE_MAX = 8;
/** How long a generation that only a checkpoint raised waits for others, to be written with them. */
const CHECKPOINT_RECORD_MS = 5_000;
type StoredManifest = z.infer<typeof ROSTER>;

/**
 * Which nodes an embedded cluster consists of, kept in `cluster.json` beside their folders: the founders and the disks that they vote with,
 * the nodes that there are now, and whose file has been made. A founder whose file is gone gets another disk, and is
 * treated like a new node: it forgot its votes.
 *
 * Until it is disposed it locks the folder, also while no node runs: the process that opens the folder next assumes that the previous holder
 * is gone, and releases its leases.
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
   * @param dataDir undefined keeps the roster in memory.
   * @param nodes those to found a cluster with; of a folder that has one, its founders or its present nodes.
   * @param recovered what a lost `cluster.json` said; see {@link recoveredCluster}.
   * @throws {ConfigError} when the folder belongs to a cluster of other nodes.
   * @throws {StorageError} STORAGE_IN_USE while another roster of the folder is open; others when it cannot be read or written.
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
      const founders = stored.founders.map(({ node }) => node);
      if (!isSameSet(nodes, founders) && !isSameSet(nodes, stored.nodes)) {
        throw new ConfigError(
          'nodes',
          nodes,
          `The folder ${dataDir} belongs to a cluster of the nodes ${stored.nodes.join(', ')}. Start those, or name another dataDir.`,
        );
      }
      const departed = [...new Set([...stored.departed, stored.holder])].slice(-DEPARTED_MAX);
      const roster = new ClusterManifest(dataDir, lock, { ...stored, cluster: stored.cluster || newId(), holder: newHolder(), departed });
      // Before any file has it: else a stop in between would leave files that belong to no cluster.
      if (stored.cluster === 0) roster.#write('not-applied');
      return roster;
    }
    const founders = nodes.map((node) => ({ node, disk: newId() }));
    const roster = new ClusterManifest(dataDir, lock, {
      founders,
      nodes: [...nodes],
      made: [],
      holder: newHolder(),
      departed: [],
      cluster: newId(),
      disks: [],
    });
    roster.#write('not-applied');
    return roster;
  }

  /** The id under which this process holds leases. */
  get holder(): number {
    return this.#stored.holder;
  }

  /**
   * Processes that are gone, whose leases have to be released. This process may have had the folder before, in a cluster that was closed: then
   * it is not gone, nor is what it holds; the process that opens the folder next releases that.
   */
  get departed(): readonly number[] {
    return this.#stored.departed.filter((holder) => !ownHolders.has(holder));
  }

  /** This process has the files: it is the holder from now on, and the one before is gone. */
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

  /** What the nodes' files say of the cluster that they belong to. */
  get origin(): ClusterOrigin {
    return { cluster: this.#stored.cluster, founders: this.#stored.founders };
  }

  /**
   * Compares the nodes' files with each other and with what is known of them, before any node starts.
   * @param hasGenerations false where files promise none. @throws {StorageError} see `checkFolder`.
   */
  checkFiles(hasGenerations: boolean): void {
    if (this.#dataDir === undefined) return;
    const { nodes, made } = this.#stored;
    const disks = this.#stored.disks.map((known) => ({ ...known, generation: asGeneration(known.generation) }));
    const found = checkFolder(this.#dataDir, { origin: this.origin, nodes, made, disks }, hasGenerations);
    // What a lost or an older cluster.json does not say.
    const isNews = ({ disk, generation }: (typeof found)[number]): boolean =>
      !disks.some((known) => known.disk === disk && counterOf(known.generation) >= counterOf(generation));
    const news = found.filter(isNews);
    this.#stored = { ...this.#stored, disks: [...news, ...disks.filter(({ disk }) => !news.some((known) => known.disk === disk))] };
  }

  /** The generations that were seen of the node's disks. */
  recordedOf(node: number): readonly { readonly disk: number; readonly generation: Generation }[] {
    return this.#stored.disks
      .filter((known) => known.node === node)
      .map(({ disk, generation }) => ({ disk, generation: asGeneration(generation) }));
  }

  /**
   * A node's file is in this generation from now on: one that is not ahead of it was restored from an older copy.
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

  /** The id for the node's disk if its file has to be made now. */
  newDiskIdOf(node: number): number {
    const founder = this.#stored.founders.find((known) => known.node === node);
    return founder === undefined || this.#stored.made.includes(node) ? newId() : founder.disk;
  }

  /** The nodes' files are there: what is made in their place from now on is another disk. */
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

  /** Nothing is written any more: the folder may be another process's from now on. */
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
      // The nodes' logs have the record, too; what cannot be written will be reported where it counts.
    }
  }

  #update(parts: Partial<StoredManifest>): void {
    this.#stored = { ...this.#stored, ...parts };
    this.#write();
  }

  /** @param outcome what is known of the call that writes it, if that fails. */
  #write(outcome: Outcome = 'unknown'): void {
    const dataDir = this.#dataDir;
    if (dataDir === undefined || this.#isDisposed) return;
    try {
      const file = join(dataDir, ROSTER_FILE);
      makeDataDirectory(file);
      writeSynced(`${file}.new`, `${JSON.stringify(this.#stored)}\n`);
      renameSync(`${file}.new`, file);
      // Without this a power cut may bring the former file back: with a disk id that was given up since.
      syncDirectory(dataDir);
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
  const file = join(dataDir, ROSTER_FILE);
  try {
    makeDataDirectory(file);
  } catch (cause) {
    throw notWritable(dataDir, cause instanceof StorageError ? cause.cause : cause, 'not-applied');
  }
  return openFileLock(file, `The data folder ${dataDir} is in use by another cluster`);
}

const newId = (): number => randomInt(1, ID_MAX);

/** For a node's thread that opens its file now. */
export const newLife = (): number => lifeOf(randomInt(ID_MAX));

/** Under which ids this process holds, or held, leases. */
const ownHolders = new Set<number>();

function newHolder(): number {
  const holder = newId();
  ownHolders.add(holder);
  return holder;
}

const isSameSet = (one: readonly number[], other: readonly number[]): boolean =>
  one.length === other.length && one.every((node) => other.includes(node));

function readManifest(dataDir: string): StoredManifest | undefined {
  const file = join(dataDir, ROSTER_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    // Whatever else keeps it from being read, it is there: another one in its place would let the nodes vote with other disks.
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return undefined;
    throw new StorageError(
      'STORAGE_FAILED',
      `The file ${file} cannot be read (${cause instanceof Error ? cause.message : String(cause)}). Make it a file that this user may read, or name another dataDir.`,
      { cause, outcome: 'not-applied' },
    );
  }
  try {
    const content: unknown = JSON.parse(text);
    const parsed = ROSTER.safeParse(content);
    if (parsed.success) return parsed.data;
    if (ROSTER_OF_OLD.safeParse(content).success) {
      throw new StorageError(
        'STORAGE_SCHEMA',
        `The folder ${dataDir} was written by a development commit of jobraft before 37bee8d, which this release does not read. Nothing is damaged: empty its queues with the commit that wrote it, or name another dataDir.`,
        { outcome: 'not-applied' },
      );
    }
  } catch (error) {
    if (error instanceof StorageError) throw error;
    // Said below, with the remedy.
  }
  throw new StorageError(
    'STORAGE_DAMAGED',
    `The file ${file} does not describe a cluster: it names the founders and their disks, the nodes, and whose files were made. Restore it from a backup of this cluster; or move it away, and it is rebuilt from the nodes' files, if all of them are sound.`,
    { outcome: 'not-applied' },
  );
}

/**
 * What the nodes' files say of their cluster, when `cluster.json` is gone; undefined when it is there, or no file is.
 * @throws {StorageError} when they do not suffice, with the remedy.
 */
export function recoveredCluster(dataDir: string): RecoveredCluster | undefined {
  if (existsSync(join(dataDir, ROSTER_FILE)) || nodesWithFile(dataDir).length === 0) return undefined;
  return recoverCluster(dataDir);
}

function rebuiltManifest(dataDir: string, found: RecoveredCluster | undefined): StoredManifest | undefined {
  if (found === undefined) {
    invariant(nodesWithFile(dataDir).length === 0, () => `${dataDir} has nodes' files and no ${ROSTER_FILE}: it was not recovered`);
    return undefined;
  }
  const founders = found.founders.map(({ node, disk }) => ({ node, disk }));
  const nodes = [...found.nodes];
  // Whose file is missing lost it: what is made in its place is another disk.
  const made = [...new Set([...founders.map(({ node }) => node), ...nodes])];
  return { founders, nodes, made, holder: 0, departed: [], cluster: found.cluster, disks: [] };
}

function writeSynced(file: string, text: string): void {
  const descriptor = openSync(file, 'w');
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
