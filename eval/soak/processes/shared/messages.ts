import type { SharedClusterOptions } from '../../../../src/index.ts';

/** The only argument of a process that shares a folder, as JSON. */
export interface SharingTask {
  readonly options: SharedClusterOptions;
  /** The numbers of its messages begin here. */
  readonly firstMessage: number;
}

/** What the driver has such a process do. */
export interface SharingCalls {
  isHost(): boolean;
  start(addsPerSecond: number): void;
  stop(): void;
  enlarge(bytes: number): void;
  inFlight(): number;
  isEmpty(): Promise<boolean>;
  completedOf(jobs: readonly string[]): Promise<readonly string[]>;
  /** The highest of the nodes that reply. */
  term(): Promise<number>;
  /** How many nodes run. */
  running(): number;
  /** Starts the nodes that do not run. */
  startStopped(): Promise<void>;
  /** Adds jobs that no worker takes. */
  addWaiting(count: number): Promise<void>;
  waiting(): Promise<number>;
  /** Adds jobs, and holds them by leases of an hour. @returns their ids. */
  hold(count: number): Promise<readonly string[]>;
  /** Completes what this process holds. @returns the ids of those whose completion was accepted. */
  letGo(): Promise<readonly string[]>;
  /** Completes so many of the jobs that no process holds. @returns their ids. */
  takeHeld(count: number): Promise<readonly string[]>;
}

export interface SharingRequest {
  readonly id: number;
  readonly call: keyof SharingCalls;
  readonly args: readonly unknown[];
}

/** What the process sends: replies, and the outcomes of its load. */
export type SharingReport =
  | { readonly type: 'reply'; readonly id: number; readonly value?: unknown; readonly error?: string }
  | { readonly type: 'acknowledged'; readonly job: string; readonly atMs: number }
  | { readonly type: 'rejected'; readonly outcome?: string | undefined }
  | { readonly type: 'completed'; readonly message: number; readonly job: string }
  | { readonly type: 'error'; readonly text: string };
