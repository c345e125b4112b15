import { resolve } from 'node:path';
import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { CLUSTER_SHAPE, groupOf, NODES_MAX, oneOf } from '../config/cluster-config.ts';
import { relationProblems } from '../config/config-problems.ts';
import type { ClusterLimits } from '../config/limits.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { type EncryptionOptions, readKeys } from '../encryption/read-keys.ts';
import { absoluteLogFolder } from '../logs/log-folder.ts';
import type { RaftConfig } from '../raft/config.ts';
import { NODE_IDS, parseSettings } from './cluster-arguments.ts';

export interface ClusterOptions {
  /**
   * Number of nodes, 1 to 51 (they get the ids 1, 2, …), or their ids. They share this machine's processors: beyond 13, raise `raft`'s
   * timeouts.
   */
  readonly nodes: number | readonly number[];
  /** Nodes that are not started yet; `cluster.restart(id)` starts them later. Default: none. */
  readonly absent?: readonly number[];
  /** Folder of the nodes' files; required unless `storage` is `memory`. */
  readonly dataDir?: string;
  readonly storage?: 'sqlite' | 'memory';
  /** `full`: a reply means fsynced on a majority. `off`: a power cut may lose what was acknowledged. Default `full`. */
  readonly durability?: 'full' | 'off';
  readonly raft?: Partial<RaftConfig>;
  readonly limits?: Partial<ClusterLimits>;
  /**
   * Encryption at rest: a file of keys, such as `jobraft keys new` makes, which is read now. Default: the files are not encrypted, and a folder
   * that is encrypted is rejected.
   */
  readonly encryption?: EncryptionOptions;
  /** One file for each node, `node-<id>.log`. */
  readonly logs?: { readonly dir: string; readonly level?: 'info' | 'debug' };
  /** Seeds the election timeouts; default: taken from the clock. */
  readonly seed?: number;
  /** Called when a node stops by itself, with the reason; default: a process warning. */
  readonly onNodeFailure?: (node: number, error: Error) => void;
  /**
   * How a node whose file is damaged is handled while a majority of the others runs. `automatic`: the file is moved aside, and the node is
   * rebuilt from its peers. `manual`: the node stops, until `cluster.repair(node)`. Default `automatic`.
   */
  readonly repair?: 'automatic' | 'manual';
  /** Called when a node is being rebuilt; default: a process warning. */
  readonly onRepair?: (repair: NodeRepair) => void;
}

/** A damaged file was moved aside, and its node is rebuilt from its peers. */
export interface NodeRepair {
  readonly node: number;
  readonly damage: Error;
  readonly movedTo: string;
}

export interface ClusterSettings {
  readonly nodes: readonly number[];
  readonly absent: readonly number[];
  readonly dataDir: string | undefined;
  readonly durability: 'full' | 'off';
  readonly raft: RaftConfig;
  readonly limits: ClusterLimits;
  readonly repair: 'automatic' | 'manual';
  /** Of the nodes' files and of backups. */
  readonly keys: EncryptionKeys | undefined;
  readonly logs: { readonly dir: string; readonly level: 'info' | 'debug' } | undefined;
  /** 32 bits. */
  readonly seed: number;
}

const aListener = z.custom((value) => typeof value === 'function', { error: 'Give a function.' }).optional();
const SCHEMA = groupOf(
  {
    ...CLUSTER_SHAPE,
    dataDir: CLUSTER_SHAPE.dataDir.optional(),
    absent: NODE_IDS.default([]),
    repair: oneOf(['automatic', 'manual']).default('automatic'),
    onNodeFailure: aListener,
    onRepair: aListener,
  } satisfies Record<keyof ClusterOptions, z.ZodType>,
  "Give an object of settings such as { nodes: 3, dataDir: './data' }.",
);

/** @throws {ConfigError} naming the key and the remedy. */
export function clusterSettings(options: ClusterOptions): ClusterSettings {
  const { nodes, absent, dataDir, storage, durability, raft, limits, repair, logs, seed, encryption } = parseSettings(
    SCHEMA,
    options,
    'options',
  );
  const misfit = relationProblems(options, () => '')[0];
  if (misfit !== undefined) throw new ConfigError(misfit.key, misfit.value, misfit.remedy);
  const ids = typeof nodes === 'number' ? Array.from({ length: nodes }, (_, position) => position + 1) : nodes;
  for (const id of absent) if (!ids.includes(id)) throw new ConfigError('absent', id, `Name nodes of the cluster: ${ids.join(', ')}.`);
  if (storage === 'sqlite' && dataDir === undefined) {
    throw new ConfigError('dataDir', dataDir, 'Name a folder for the nodes\' files, or set storage to "memory".');
  }
  return {
    nodes: ids,
    absent,
    repair,
    dataDir: storage === 'sqlite' ? dataDir : undefined,
    durability,
    keys: storage === 'sqlite' ? readKeys(encryption) : undefined,
    raft: Object.freeze(raft),
    limits: Object.freeze(limits),
    logs,
    // Reduced to 32 bits, so that sums of it stay exact.
    seed: (seed ?? Date.now()) >>> 0,
  };
}

/** Makes relative paths absolute now: the process may change its working directory while the cluster runs. */
export function withAbsolutePaths(settings: ClusterSettings): ClusterSettings {
  const { dataDir, logs } = settings;
  return {
    ...settings,
    dataDir: dataDir === undefined ? undefined : resolve(dataDir),
    logs: logs === undefined ? undefined : { ...logs, dir: absoluteLogFolder(logs.dir) },
  };
}

/** The lowest unused node id. */
export function freeId(taken: readonly number[]): number {
  let id = 1;
  while (taken.includes(id)) id += 1;
  return id;
}

/** @throws {ConfigError} for more nodes than a cluster may have. */
export function checkCount(nodes: number): void {
  if (nodes > NODES_MAX) throw new ConfigError('nodes', nodes, `A cluster has at most ${NODES_MAX} nodes. Remove others first.`);
}
