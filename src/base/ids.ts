/** Branded numbers: a term cannot be passed in place of an index. Each is a safe integer of at least zero. */
declare const brand: unique symbol;
type Brand<Name extends string> = number & { readonly [brand]: Name };

/** Identifies one node of a cluster; an integer of at least 1. */
export type NodeId = Brand<'NodeId'>;
/** A Raft term (Raft §5.1); zero before the first election. */
export type Term = Brand<'Term'>;
/** A position in the replicated log; the first entry is at 1, zero means "before the log". */
export type LogIndex = Brand<'LogIndex'>;

/**
 * Identifies one node's file: a random safe integer, created with the file (the directory id of KIP-853). Voters are identified by disk id:
 * a node that comes back with another disk has lost its votes and acknowledgements. Zero matches any disk.
 */
export type DiskId = Brand<'DiskId'>;

export const asNodeId = (value: number): NodeId => value as NodeId;
export const asTerm = (value: number): Term => value as Term;
export const asDiskId = (value: number): DiskId => value as DiskId;
export const asIndex = (value: number): LogIndex => value as LogIndex;

export const ANY_DISK = asDiskId(0);

export const nextTerm = (term: Term): Term => asTerm(term + 1);
export const nextIndex = (index: LogIndex): LogIndex => asIndex(index + 1);
export const previousIndex = (index: LogIndex): LogIndex => asIndex(index - 1);

/** The position and term of a log entry. Two logs that share an entry id share everything before it (Raft §5.3, Log Matching). */
export interface EntryId {
  readonly index: LogIndex;
  readonly term: Term;
}

export const ZERO_ENTRY: EntryId = Object.freeze({ index: asIndex(0), term: asTerm(0) });
