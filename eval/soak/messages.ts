import type { JobProblem } from './job-audit.ts';

/** Requests of the driver to the process under test. The reply to each is one {@link Done} or {@link Failed} with the same number. */
export type SoakCommand = { readonly id: number } & SoakAction;

export type SoakAction = ProcessFault | Inquiry;

/** Faults that the process injects into itself. */
export type ProcessFault =
  /** Kills the leader's thread, waits for another leader, and starts the node again after a while. */
  | { readonly type: 'kill-leader'; readonly downMs: number }
  /** Stops the event loop of the leader, or of another node. */
  | { readonly type: 'pause'; readonly isLeader: boolean; readonly durationMs: number }
  /** Blocks a node's thread permanently, and applies a remedy. See {@link StuckRemedy}. */
  | { readonly type: 'stuck-node'; readonly isLeader: boolean; readonly remedy: StuckRemedy }
  /** Partitions the nodes in two groups; the leader is in the smaller one. */
  | { readonly type: 'partition'; readonly durationMs: number }
  /** Isolates the leader. */
  | { readonly type: 'isolate'; readonly durationMs: number }
  | { readonly type: 'delay'; readonly fromMs: number; readonly toMs: number; readonly durationMs: number }
  | { readonly type: 'drop'; readonly probability: number; readonly durationMs: number }
  /** Transfers leadership gracefully. */
  | { readonly type: 'transfer' }
  /** Adds or removes nodes until there are `nodes`. */
  | { readonly type: 'resize'; readonly nodes: number };

/**
 * - `restart` the node is started again
 * - `replace` another node replaces it
 * - `free` the thread is blocked in a call of the operating system, where nothing ends it: its end is reported as NODE_STUCK, then the call
 *   returns, and the node is started again
 */
export type StuckRemedy = 'restart' | 'replace' | 'free';

/** Requests that inject no fault, or end the run. */
export type Inquiry =
  /** Waits until every node runs and has all entries committed before, and no change of members is in progress. */
  | { readonly type: 'settle'; readonly timeoutMs: number }
  /** Waits until the node has written a checkpoint, and its generation is recorded. */
  | { readonly type: 'checkpoint'; readonly node: number; readonly timeoutMs: number }
  /** Adds jobs until one is rejected because the disk is full. */
  | { readonly type: 'expect-quorum-lost'; readonly timeoutMs: number }
  /** Starts the nodes that do not run. */
  | { readonly type: 'start-stopped'; readonly timeoutMs: number }
  /** Stops adding, ends all faults, works until no job is left, and reads every job once more. */
  | { readonly type: 'drain'; readonly timeoutMs: number }
  /**
   * Waits until all replicas are equal; hashing them stops the nodes' threads for a moment. Then closes the cluster, whose leader transfers
   * its leadership.
   */
  | { readonly type: 'compare-and-close'; readonly timeoutMs: number };

export interface Done {
  readonly type: 'done';
  readonly id: number;
  readonly detail: string;
  readonly nodes: readonly number[];
}

export type ChildReport =
  | { readonly type: 'ready' }
  /** The cluster did not start. */
  | { readonly type: 'rejected'; readonly code: string; readonly error: string }
  | Done
  | { readonly type: 'failed'; readonly id: number; readonly error: string }
  | NodeNotice
  | { readonly type: 'job-problem'; readonly problem: JobProblem }
  /** Number of dead letters at the end. */
  | { readonly type: 'dead-letters'; readonly count: number };

/** A node stopped by itself, or its file was replaced: a failure, unless an injected fault causes it. */
export interface NodeNotice {
  readonly type: 'node-failure' | 'repair';
  readonly node: number;
  readonly code: string;
  readonly error: string;
}

/** The only argument of the process under test, as JSON. */
export interface ChildSettings {
  readonly dataDir: string;
  readonly logDir: string;
  readonly historyFile: string;
  readonly nodes: number;
  readonly seed: number;
  readonly addsPerSecond: number;
  /** Number of earlier starts; client numbers must differ between starts. */
  readonly life: number;
}
