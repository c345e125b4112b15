import type { LoadThreads } from '../load/load-threads.ts';

/** Options that differ between runs; cluster size, durability and timings belong to the target. */
export interface SystemOptions {
  readonly dataDir: string;
  readonly logsDir: string;
  readonly seed: number;
}

/** Counters of the nodes since their start, summed over the nodes. */
export interface SystemCounters {
  readonly elections: number;
  /** By the name of the RPC in the Raft paper. */
  readonly rpcSent: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly fsyncs: number;
}

export interface QueueBacklog {
  /** Jobs that still wait for a worker or are with one. */
  readonly unfinished: number;
  readonly failed: number;
}

/** Whether a failed add may have taken effect; the difference between a lost message and one never accepted. */
export type AddOutcome = 'not-applied' | 'unknown';

export interface Consumer {
  /** Finishes running jobs and claims no more. */
  close(): Promise<void>;
}

export interface ConsumerOptions {
  readonly concurrency: number;
  /** Called with a message's payload when the worker received it. If it throws, the job fails. */
  readonly onMessage: (payload: Uint8Array) => void;
  /** Called when the cluster accepted the completion. */
  readonly onCompleted: (payload: Uint8Array) => void;
  readonly onError: (error: unknown) => void;
}

export interface RunningSystem {
  /** Resolves when the add is acknowledged. */
  add(queue: string, payload: Uint8Array): Promise<void>;
  /** The outcome of the message of a rejected add. */
  addOutcome(error: unknown): AddOutcome;
  consume(queue: string, options: ConsumerOptions): Promise<Consumer>;
  /** A sender and a consumer that have clients of their own. */
  openLoadThreads(): Promise<LoadThreads>;
  backlog(queue: string): Promise<QueueBacklog>;
  counters(): Promise<SystemCounters>;
  stop(): Promise<void>;
}

/** A system that the harness measures: jobraft, or a faulty fake that proves that the harness detects faults. */
export interface SystemUnderTest {
  readonly name: string;
  /** How nodes and clients reach each other, as it is written in the rows. */
  readonly transport: string;
  /** Resolves when there is a leader. */
  start(options: SystemOptions): Promise<RunningSystem>;
}
