/** What the driver asks the process under test to do. Each is answered by one {@link ChildReport} with the same number. */
export type SoakCommand = { readonly id: number } & SoakAction;

export type SoakAction =
  /** Kills the leader's thread, waits for another leader, and starts the node again after a while. */
  | { readonly type: 'kill-leader'; readonly downMs: number }
  /** Stops the event loop of the leader, or of another node. */
  | { readonly type: 'pause'; readonly isLeader: boolean; readonly durationMs: number }
  /** Cuts the nodes in two; the leader is in the smaller half. */
  | { readonly type: 'partition'; readonly durationMs: number }
  /** Cuts the leader off. */
  | { readonly type: 'isolate'; readonly durationMs: number }
  | { readonly type: 'delay'; readonly fromMs: number; readonly toMs: number; readonly durationMs: number }
  | { readonly type: 'drop'; readonly probability: number; readonly durationMs: number }
  /** Lets another node lead, in an orderly way. */
  | { readonly type: 'transfer' }
  /** Adds or removes nodes until there are so many. */
  | { readonly type: 'resize'; readonly nodes: number }
  /** Stops adding, heals, works until nothing is left, and reads every job once more. */
  | { readonly type: 'drain'; readonly timeoutMs: number };

export type ChildReport =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly id: number; readonly detail: string; readonly nodes: number }
  | { readonly type: 'failed'; readonly id: number; readonly error: string }
  /** A node stopped by itself, or its file was damaged: no fault of ours does that. */
  | { readonly type: 'node-failure'; readonly error: string };

/** What the process under test is started with, as its only argument in JSON. */
export interface ChildSettings {
  readonly dataDir: string;
  readonly historyFile: string;
  readonly nodes: number;
  readonly seed: number;
  readonly addsPerSecond: number;
  /** How often the process was started before; its clients' numbers must differ from theirs. */
  readonly life: number;
}
