import type { MessagePort } from 'node:worker_threads';
import type { Generation } from '../base/generation.ts';
import type { ClusterLimits } from '../config/limits.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import type { NodeSample } from '../metrics/node-sample.ts';
import type { RebuildRejection } from '../node/admin-handler.ts';
import type { NodeCounters } from '../node/node-metrics.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { FileClaims } from '../storage/file-origin.ts';
import type { LinkFaults } from '../transport/port-links.ts';
import type { KillSwitchMemory } from './kill-switch.ts';

/** Options of a node's worker thread. */
export interface NodeBoot {
  readonly id: number;
  /** The voters that the cluster was formed with, and their disks. */
  readonly founders: readonly { readonly node: number; readonly disk: number }[];
  /** The id of the node's disk if its file is created now. */
  readonly newDiskId: number;
  readonly raft: RaftConfig;
  readonly limits: ClusterLimits;
  /** The node's SQLite file, or undefined to keep everything in memory. */
  readonly file: string | undefined;
  /** The first one encrypts the file. */
  readonly keys?: EncryptionKeys | undefined;
  /** Expected properties of the file. */
  readonly claims?: FileClaims;
  readonly durability: 'full' | 'off';
  readonly seed: number;
  /** The Unix socket on which the node takes clients of other processes, and the id of its cluster, which they give. */
  readonly clientSocket?: { readonly path: string; readonly cluster: number } | undefined;
  readonly log: { readonly file: string; readonly level: 'info' | 'debug' } | undefined;
  readonly killSwitch: KillSwitchMemory;
}

/** From the cluster's owner to a node's thread. */
export type NodeCommand =
  | { readonly type: 'peer'; readonly id: number; readonly port: MessagePort }
  | { readonly type: 'client'; readonly connection: number; readonly port: MessagePort }
  /** All nodes were started together, and none leads. */
  | { readonly type: 'leaderless' }
  | { readonly type: 'faults'; readonly faults: LinkFaults }
  /** Blocks the whole thread, like a stopped event loop. */
  | { readonly type: 'pause'; readonly durationMs: number }
  | { readonly type: 'report'; readonly call: number; readonly with: ReportPart }
  /** Asks whether the file of a node may be given up; see `RebuildQuestion`. */
  | { readonly type: 'rebuild'; readonly call: number; readonly node: number; readonly question: number }
  /** @property handOver whether a leader transfers leadership before it ends, if there is another node. */
  | { readonly type: 'stop'; readonly handOver: boolean }
  /** Wakes a thread that waits for messages, so that it reads its kill switch. */
  | { readonly type: 'kill' };

/** What a report has beside the counters: a hash of the whole state, or everything that metrics show. */
export type ReportPart = 'nothing' | 'digest' | 'sample';

/** A node's report about itself. */
export interface NodeReport {
  readonly role: string;
  readonly term: number;
  readonly counters: NodeCounters;
  readonly cpuMs: number | null;
  readonly state: { readonly applied: number; readonly digest: string } | undefined;
  readonly sample: NodeSample | undefined;
  readonly disk: number;
  /** The disks that the voters vote with, by the latest configuration that the node has. */
  readonly voterDisks: readonly { readonly node: number; readonly disk: number }[];
}

/** From a node's thread to the cluster's owner. */
export type NodeSignal =
  | { readonly type: 'ready' }
  | { readonly type: 'rebuild'; readonly call: number; readonly isLeader: boolean; readonly rejection: RebuildRejection | undefined }
  /** The file's new generation. @property isCheckpoint raised by a checkpoint, and not by an opening or a close. */
  | { readonly type: 'generation'; readonly disk: number; readonly generation: Generation; readonly isCheckpoint: boolean }
  | { readonly type: 'report'; readonly call: number; readonly report: NodeReport }
  /** The node has stopped, with the reason; its thread ends. */
  | { readonly type: 'failed'; readonly name: string; readonly code: string; readonly message: string; readonly stack: string | undefined };
