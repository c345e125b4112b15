import type { LogIndex, NodeId, Term } from '../base/ids.ts';
import type { Configuration } from './entry.ts';

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** State changes that the core reports; each is reported once. */
export type RaftNotice =
  | { readonly type: 'election-timeout'; readonly term: Term }
  | { readonly type: 'role'; readonly term: Term; readonly role: Role; readonly leader: NodeId | undefined }
  | { readonly type: 'leader-known'; readonly term: Term; readonly leader: NodeId }
  | { readonly type: 'voted'; readonly term: Term; readonly candidate: NodeId }
  | { readonly type: 'truncated'; readonly from: LogIndex }
  /** Another configuration is in force: an entry was appended or truncated. */
  | { readonly type: 'configuration'; readonly index: LogIndex; readonly configuration: Configuration }
  /** This node is no longer a member; it starts no election until a leader contacts it again. */
  | { readonly type: 'removed'; readonly by: LogIndex }
  /** A voter replies with a disk other than its recorded one: it lost its state, and is replaced like a new server. */
  | { readonly type: 'disk-lost'; readonly voter: NodeId }
  | { readonly type: 'transfer'; readonly to: NodeId; readonly outcome: 'begun' | 'asked' | 'given-up' };
