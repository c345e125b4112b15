import type { LogIndex, NodeId, Term } from '../base/ids.ts';
import type { Configuration } from './entry.ts';

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** What the core tells the world about itself; each happens once and is reported once. */
export type RaftNotice =
  | { readonly type: 'election-timeout'; readonly term: Term }
  | { readonly type: 'role'; readonly term: Term; readonly role: Role; readonly leader: NodeId | undefined }
  | { readonly type: 'leader-known'; readonly term: Term; readonly leader: NodeId }
  | { readonly type: 'voted'; readonly term: Term; readonly candidate: NodeId }
  | { readonly type: 'truncated'; readonly from: LogIndex }
  /** Another configuration is in force here: it was appended, or what was appended was truncated. */
  | { readonly type: 'configuration'; readonly index: LogIndex; readonly configuration: Configuration }
  /** This node is no member any more; it starts no election until a leader speaks to it again. */
  | { readonly type: 'removed'; readonly by: LogIndex }
  /** A voter replies with another disk than the one it promised with: it lost what it knew, and is replaced like a new server. */
  | { readonly type: 'disk-lost'; readonly voter: NodeId }
  | { readonly type: 'transfer'; readonly to: NodeId; readonly outcome: 'begun' | 'asked' | 'given-up' };
