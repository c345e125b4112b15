import { RPC_NAMES } from '../raft/message.ts';
import type { NodeEvent } from './event.ts';

/** What a node has done since it started; counts only grow. */
export interface NodeCounters {
  readonly elections: number;
  readonly rpcSent: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly turns: number;
  /** Transactions written; with full durability each is one fsync. */
  readonly persists: number;
  readonly entriesAppended: number;
  readonly requests: number;
  /** Requests that only read, and do not go through the log. */
  readonly queries: number;
  readonly checkpoints: number;
}

/** A reader of the event stream that counts, beside what the turn itself counts. */
export class NodeMetrics {
  elections = 0;
  bytesSent = 0;
  turns = 0;
  persists = 0;
  entriesAppended = 0;
  requests = 0;
  queries = 0;
  checkpoints = 0;
  readonly #rpcSent: Record<string, number> = {};

  observe(event: NodeEvent): void {
    if (event.type === 'rpc-sent') {
      const name = RPC_NAMES[event.rpc];
      this.#rpcSent[name] = (this.#rpcSent[name] ?? 0) + 1;
    } else if (event.type === 'election-timeout') this.elections += 1;
    else if (event.type === 'checkpoint') this.checkpoints += 1;
  }

  snapshot(): NodeCounters {
    const { elections, bytesSent, turns, persists, entriesAppended, requests, queries, checkpoints } = this;
    return { elections, rpcSent: { ...this.#rpcSent }, bytesSent, turns, persists, entriesAppended, requests, queries, checkpoints };
  }
}
