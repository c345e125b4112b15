/** What differs from run to run; cluster size, durability and timings belong to the target. */
export interface SystemOptions {
  readonly dataDir: string;
  readonly logsDir: string;
  readonly seed: number;
}

/** What the nodes counted since they started, summed over the nodes. */
export interface SystemCounters {
  readonly elections: number;
  /** By the Raft paper's name of the RPC. */
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
  /** Finishes what is running and claims nothing more. */
  close(): Promise<void>;
}

export interface ConsumerOptions {
  readonly concurrency: number;
  /** Called with a message's payload when the worker got it. What it throws makes the job fail. */
  readonly onMessage: (payload: Uint8Array) => void;
  /** Called when the cluster accepted the completion. */
  readonly onCompleted: (payload: Uint8Array) => void;
  readonly onError: (error: unknown) => void;
}

export interface RunningSystem {
  /** Resolves when the add is acknowledged. */
  add(queue: string, payload: Uint8Array): Promise<void>;
  /** What a rejected add says about the message's fate. */
  addOutcome(error: unknown): AddOutcome;
  consume(queue: string, options: ConsumerOptions): Promise<Consumer>;
  backlog(queue: string): Promise<QueueBacklog>;
  counters(): Promise<SystemCounters>;
  stop(): Promise<void>;
}

/** What the harness measures. jobraft is one; a faulty fake proves that the harness sees faults. */
export interface SystemUnderTest {
  readonly name: string;
  /** How nodes and clients reach each other, as it is written in the rows. */
  readonly transport: string;
  /** Resolves when a leader is there. */
  start(options: SystemOptions): Promise<RunningSystem>;
}
