import type { MessagePort } from 'node:worker_threads';
import type { ClusterLimits } from '../../../src/config/limits.ts';
import type { NodeCounters } from '../../../src/node/node-metrics.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import type { StorageKind } from './variants.ts';

/** Data of a node's thread; its ports have to be transferred. */
export interface NodeBoot {
  readonly id: number;
  readonly nodes: readonly number[];
  readonly peers: readonly { readonly node: number; readonly port: MessagePort }[];
  readonly raft: RaftConfig;
  readonly limits: ClusterLimits;
  readonly storage: StorageKind;
  /** A folder of its own, which exists. */
  readonly folder: string;
  readonly seed: number;
}

/** To a node's thread. */
export type NodeCommand =
  | { readonly type: 'client'; readonly connection: number; readonly port: MessagePort }
  | { readonly type: 'count' }
  | { readonly type: 'stop' };

/** Reply to `count`. */
export type NodeReply = NodeCounters;
