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
}

export interface ClusterSettings {
  readonly nodes: readonly number[];
  readonly absent: readonly number[];
  readonly dataDir: string | undefined;
  readonly durability: 'full' | 'off';
  readonly raft: RaftConfig;
  readonly limits: NodeLimits;
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
  return {
    nodes,
    absent,
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
  const isId = (id: number) => Number.isSafeInteger(id) && id >= 1;
  if (!ids.every(isId) || new Set(ids).size !== ids.length)
    throw new ConfigError('nodes', nodes, 'Node ids are whole numbers from 1 on, each once.');
  return ids;
}
