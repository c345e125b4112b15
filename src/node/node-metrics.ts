import { RPC_NAMES } from '../raft/message.ts';
import type { NodeEvent } from './event.ts';

/** Counters of a node since it started; they only grow. */
export interface NodeCounters {
  readonly elections: number;
  readonly rpcSent: Readonly<Record<string, number>>;
  readonly bytesSent: number;
  readonly turns: number;
  /** Transactions written; with full durability each is one fsync. */
  readonly persists: number;
  readonly entriesAppended: number;
  readonly requests: number;
  /** Read-only requests, which do not go through the log. */
  readonly queries: number;
  readonly checkpoints: number;
}

/** Counts the events of the event stream, in addition to the counters of the turn itself. */
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
