import type { LogIndex, NodeId, Term } from '../base/ids.ts';

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

/** What the core tells the world about itself; each happens once and is reported once. */
export type RaftNotice =
  | { readonly type: 'election-timeout'; readonly term: Term }
  | { readonly type: 'role'; readonly term: Term; readonly role: Role; readonly leader: NodeId | undefined }
  | { readonly type: 'leader-known'; readonly term: Term; readonly leader: NodeId }
  | { readonly type: 'voted'; readonly term: Term; readonly candidate: NodeId }
  | { readonly type: 'truncated'; readonly from: LogIndex };
