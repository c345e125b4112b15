import type { JobProblem } from './job-audit.ts';

/** What the driver asks the process under test to do. Each is answered by one {@link Done} or {@link Failed} with the same number. */
export type SoakCommand = { readonly id: number } & SoakAction;

export type SoakAction = ProcessFault | Inquiry;

/** Faults that the process injects into itself. */
export type ProcessFault =
  /** Kills the leader's thread, waits for another leader, and starts the node again after a while. */
  | { readonly type: 'kill-leader'; readonly downMs: number }
  /** Stops the event loop of the leader, or of another node. */
  | { readonly type: 'pause'; readonly isLeader: boolean; readonly durationMs: number }
  /** Blocks a node's thread for good, and makes good for it. See {@link StuckRemedy}. */
  | { readonly type: 'stuck-node'; readonly isLeader: boolean; readonly remedy: StuckRemedy }
  /** Cuts the nodes in two; the leader is in the smaller half. */
  | { readonly type: 'partition'; readonly durationMs: number }
  /** Cuts the leader off. */
  | { readonly type: 'isolate'; readonly durationMs: number }
  | { readonly type: 'delay'; readonly fromMs: number; readonly toMs: number; readonly durationMs: number }
  | { readonly type: 'drop'; readonly probability: number; readonly durationMs: number }
  /** Lets another node lead, in an orderly way. */
  | { readonly type: 'transfer' }
  /** Adds or removes nodes until there are so many. */
  | { readonly type: 'resize'; readonly nodes: number };

/**
 * - `restart` the node is started again
 * - `replace` another node takes its place
 * - `free` the thread is blocked in a call of the operating system, where nothing ends it: its end is reported as NODE_STUCK, then the call
 *   returns, and the node is started again
 */
export type StuckRemedy = 'restart' | 'replace' | 'free';

/** What changes nothing by itself, or ends the run. */
export type Inquiry =
  /** Waits until every node runs and has everything that was committed before, and no change of members is under way. */
  | { readonly type: 'settle'; readonly timeoutMs: number }
  /** Waits until the node has written a checkpoint, and its generation is on record. */
  | { readonly type: 'checkpoint'; readonly node: number; readonly timeoutMs: number }
  /** Adds jobs until one is rejected because the disk is full. */
  | { readonly type: 'expect-quorum-lost'; readonly timeoutMs: number }
  /** Starts the nodes that do not run. */
  | { readonly type: 'start-stopped'; readonly timeoutMs: number }
  /** Stops adding, heals, works until nothing is left, and reads every job once more. */
  | { readonly type: 'drain'; readonly timeoutMs: number }
  /** Waits until all replicas are equal; to hash them stops the nodes' threads for a moment. Then closes the cluster, whose leader hands over. */
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
  /** How many jobs are dead letters at the end. */
  | { readonly type: 'dead-letters'; readonly count: number };

/** A node stopped by itself, or its file was replaced: a failure, unless a fault was injected that does that. */
export interface NodeNotice {
  readonly type: 'node-failure' | 'repair';
  readonly node: number;
  readonly code: string;
  readonly error: string;
}

/** What the process under test is started with, as its only argument in JSON. */
export interface ChildSettings {
  readonly dataDir: string;
  readonly logDir: string;
  readonly historyFile: string;
  readonly nodes: number;
  readonly seed: number;
  readonly addsPerSecond: number;
  /** How often the process was started before; its clients' numbers must differ from theirs. */
  readonly life: number;
}
