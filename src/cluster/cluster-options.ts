import { ConfigError } from '../base/errors.ts';
import type { NodeLimits } from '../node/limits.ts';
import { nodeLimits } from '../node/limits.ts';
import type { RaftConfig } from '../raft/config.ts';
import { raftConfig } from '../raft/config.ts';

const NODES_MAX = 13;

export interface ClusterOptions {
  /** How many nodes, 1 to 13 (they get the ids 1, 2, …), or their ids. */
  readonly nodes: number | readonly number[];
  /** Nodes that are not started yet; `cluster.restart(id)` brings them in later. Default: none. */
  readonly absent?: readonly number[];
  /** Folder of the nodes' files; needed unless `storage` is `memory`. */
  readonly dataDir?: string;
  readonly storage?: 'sqlite' | 'memory';
  /** `full`: an answer means fsynced on a majority. `off`: a power cut may lose what was acknowledged. Default `full`. */
  readonly durability?: 'full' | 'off';
  readonly raft?: Partial<RaftConfig>;
  readonly limits?: Partial<NodeLimits>;
  /** One file for each node, `node-<id>.log`. */
  readonly logs?: { readonly dir: string; readonly level?: 'info' | 'debug' };
  /** Seeds the election timeouts; default: taken from the clock. */
  readonly seed?: number;
  /** Called when a node stops by itself, with the reason; default: a process warning. */
  readonly onNodeFailure?: (node: number, error: Error) => void;
  /**
   * What happens to a node whose file is damaged while a majority of the others runs. `automatic`: the file is moved aside, and the node is
   * rebuilt from its peers. `manual`: the node stops, until `cluster.repair(node)`. Default `automatic`.
   */
  readonly repair?: 'automatic' | 'manual';
  /** Called when a node is being rebuilt; default: a process warning. */
  readonly onRepair?: (repair: NodeRepair) => void;
}

/** A damaged file was moved aside, and its node began anew. */
export interface NodeRepair {
  readonly node: number;
  readonly damage: Error;
  readonly movedTo: string;
}

export interface ClusterListeners {
  readonly onNodeFailure: (node: number, error: Error) => void;
  readonly onRepair: (repair: NodeRepair) => void;
}

export interface ClusterSettings {
  readonly nodes: readonly number[];
  readonly absent: readonly number[];
  readonly dataDir: string | undefined;
  readonly durability: 'full' | 'off';
  readonly raft: RaftConfig;
  readonly limits: NodeLimits;
  readonly repair: 'automatic' | 'manual';
  readonly logs: { readonly dir: string; readonly level: 'info' | 'debug' } | undefined;
  readonly seed: number;
}

/** @throws {ConfigError} naming the key and the remedy. */
export function clusterSettings(options: ClusterOptions): ClusterSettings {
  const nodes = parseNodes(options.nodes);
  const absent = options.absent ?? [];
  for (const id of absent) if (!nodes.includes(id)) throw new ConfigError('absent', id, `Name nodes of the cluster: ${nodes.join(', ')}.`);
  const storage = options.storage ?? 'sqlite';
  if (storage !== 'sqlite' && storage !== 'memory') throw new ConfigError('storage', storage, 'Use "sqlite" or "memory".');
  if (storage === 'sqlite' && (options.dataDir === undefined || options.dataDir === '')) {
    throw new ConfigError('dataDir', options.dataDir ?? null, 'Name a folder for the nodes\' files, or set storage to "memory".');
  }
  const durability = options.durability ?? 'full';
  if (durability !== 'full' && durability !== 'off') throw new ConfigError('durability', durability, 'Use "full" or "off".');
  const repair = options.repair ?? 'automatic';
  if (repair !== 'automatic' && repair !== 'manual') throw new ConfigError('repair', repair, 'Use "automatic" or "manual".');
  return {
    nodes,
    absent,
    repair,
    dataDir: storage === 'sqlite' ? options.dataDir : undefined,
    durability,
    raft: raftConfig(options.raft),
    limits: nodeLimits(options.limits),
    logs: options.logs === undefined ? undefined : { dir: options.logs.dir, level: options.logs.level ?? 'info' },
    seed: options.seed ?? Date.now() % 0x7fffffff,
  };
}

function parseNodes(nodes: number | readonly number[]): readonly number[] {
  const ids = typeof nodes === 'number' ? Array.from({ length: Math.min(nodes, NODES_MAX + 1) }, (_, position) => position + 1) : nodes;
  const isCount = typeof nodes !== 'number' || Number.isInteger(nodes);
  if (!isCount || ids.length < 1 || ids.length > NODES_MAX) throw new ConfigError('nodes', nodes, `Give 1 to ${NODES_MAX} nodes.`);
  if (!ids.every(isNodeId) || new Set(ids).size !== ids.length)
    throw new ConfigError('nodes', nodes, 'Node ids are whole numbers from 1 on, each once.');
  return ids;
}

/** The lowest id that no node has. */
export function freeId(taken: readonly number[]): number {
  let id = 1;
  while (taken.includes(id)) id += 1;
  return id;
}

/** @throws {ConfigError} for ids that are taken or no ids, and for more nodes than a cluster may have. */
export function checkNewcomers(newcomers: readonly number[], present: readonly number[], leaving: number): void {
  const taken = newcomers.find((node) => present.includes(node));
  if (taken !== undefined) throw new ConfigError('node', taken, `That id is taken; the nodes are ${present.join(', ')}.`);
  const wrong = newcomers.find((node) => !isNodeId(node));
  if (wrong !== undefined || new Set(newcomers).size !== newcomers.length)
    throw new ConfigError('node', wrong ?? newcomers, 'Node ids are whole numbers from 1 on, each once.');
  if (present.length + newcomers.length - leaving > NODES_MAX) {
    throw new ConfigError(
      'nodes',
      present.length + newcomers.length - leaving,
      `A cluster has at most ${NODES_MAX} nodes. Remove others first.`,
    );
  }
}

const isNodeId = (id: number): boolean => Number.isSafeInteger(id) && id >= 1;
