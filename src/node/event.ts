import type { Generation } from '../base/generation.ts';
import type { EntryId, LogIndex, NodeId, Term } from '../base/ids.ts';
import type { RaftMessage, RaftMessageType } from '../raft/message.ts';
import type { RaftNotice, Role } from '../raft/notice.ts';

export type { Role };

/** The reporting node and the time, in milliseconds of the node's monotonic clock. */
interface Stamp {
  readonly node: NodeId;
  readonly atMs: number;
}

type RuntimeNotice =
  | { readonly type: 'started'; readonly term: Term; readonly last: EntryId; readonly commit: LogIndex }
  | { readonly type: 'stopped'; readonly reason: string }
  | { readonly type: 'rpc-sent'; readonly rpc: RaftMessageType; readonly to: NodeId; readonly term: Term; readonly entries: number }
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  | { readonly type: 'checkpoint'; readonly index: LogIndex; readonly records: number; readonly tookMs: number }
  | { readonly type: 'compacted'; readonly upTo: LogIndex }
  /** A checkpoint raised the file's generation. */
  | { readonly type: 'generation'; readonly generation: Generation }
  /** The leader could not compute a value that the state waits for; it tries again later. */
  | { readonly type: 'supply-failed'; readonly reason: string }
  | { readonly type: 'snapshot-sent'; readonly to: NodeId; readonly index: LogIndex; readonly chunks: number }
  | { readonly type: 'snapshot-installed'; readonly index: LogIndex };

/** Of the process around a node. */
export type ConnectionNotice =
  /** It closed a connection. @property peer the address of its other side. */
  | { readonly type: 'connection-dropped'; readonly peer: string; readonly reason: string }
  /** A peer rejects this node's channel, again and again: an address or a configuration is wrong. */
  | { readonly type: 'peer-rejects'; readonly peer: NodeId; readonly address: string; readonly reason: string };

/**
 * The node's event stream: each event happens once and is reported once. Logs, metrics, the evaluation and the simulator read it.
 */
export type NodeEvent = Stamp & (RaftNotice | RuntimeNotice | ConnectionNotice);

export const rpcSent = (message: RaftMessage, node: NodeId, atMs: number): NodeEvent => {
  const { type: rpc, to, term } = message;
  return { type: 'rpc-sent', node, atMs, rpc, to, term, entries: message.type === 'append' ? message.entries.length : 0 };
};
