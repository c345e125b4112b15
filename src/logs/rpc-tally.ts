import type { RaftMessageType } from '../raft/message.ts';
import { RPC_NAMES } from '../raft/message.ts';
import type { RpcCounts } from './describe.ts';

/** Counts the RPCs sent to each peer. Cheap enough for every message of a busy leader. */
export class RpcTally {
  readonly #peers = new Map<RaftMessageType, Map<number, number>>();

  add(rpc: RaftMessageType, to: number): void {
    let counts = this.#peers.get(rpc);
    if (counts === undefined) {
      counts = new Map();
      this.#peers.set(rpc, counts);
    }
    counts.set(to, (counts.get(to) ?? 0) + 1);
  }

  /** By the paper's names: an accepted and a rejected append are both AppendEntriesResponse. */
  counts(): RpcCounts {
    const named: Record<string, Record<string, number>> = {};
    for (const [rpc, counts] of this.#peers) {
      const peers = named[RPC_NAMES[rpc]] ?? {};
      named[RPC_NAMES[rpc]] = peers;
      for (const [to, count] of counts) peers[to] = (peers[to] ?? 0) + count;
    }
    return named;
  }
}
