/** Where a client's process finds its build and its cluster. */
export interface ClientSettings {
  /** The folder of the build's package.json. */
  readonly root: string;
  /** A cluster whose nodes are processes, or the folder of one that processes share. */
  readonly cluster: { readonly endpoints: readonly string[] } | { readonly dataDir: string };
}

/** What a client's process reports to its parent. */
export type ClientReport =
  | { readonly type: 'opened' }
  /** `ms`: from the call to its acknowledgement. */
  | { readonly type: 'added'; readonly id: string; readonly ms: number }
  | { readonly type: 'completed' }
  | { readonly type: 'stopped' }
  /** The cluster cannot be opened, a node stopped by itself, or a call was rejected. */
  | { readonly type: 'error'; readonly of: 'open' | 'node' | 'add' | 'work'; readonly text: string };

/** Ends its adds, or leaves the cluster and ends. */
export type ClientCommand = 'stop-adding' | 'close';

export const QUEUE_NAME = 'work';
export const NODES = 3;
