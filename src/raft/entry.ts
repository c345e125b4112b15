import type { Generation } from '../base/generation.ts';
import type { DiskId, EntryId, LogIndex, NodeId, Term } from '../base/ids.ts';

/**
 * - `noop`: appended by a leader at the start of its term, so that it can commit (Raft §8)
 * - `command`: opaque bytes for the state machine
 * - `configuration`: the members from here on; in force at each node as soon as it is in its log (Raft §6)
 */
export type EntryKind = 'noop' | 'command' | 'configuration';
/** On the wire and on disk a kind is its position: append to this list, never reorder it. */
export const ENTRY_KINDS: readonly EntryKind[] = ['noop', 'command', 'configuration'];

/** One log entry. Its bytes are shared by log, disk and wire, and must never be changed or transferred. */
export interface Entry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/** What a node must never lose (Raft Figure 2, "persistent state"), besides its log. */
export interface HardState {
  readonly term: Term;
  /** The candidate that received this node's vote in `term`, if any. */
  readonly votedFor: NodeId | undefined;
}

/** The disk that a voter votes with. */
export interface VoterDisk {
  readonly node: NodeId;
  readonly disk: DiskId;
  /** The latest recorded generation of the disk; absent if none was recorded. */
  readonly generation?: Generation;
}

/**
 * The members. While `outgoing` is not empty the configuration is joint (Raft §6): every decision needs a majority
 * of `voters` and a majority of `outgoing`. All other members receive the log and have no vote.
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly outgoing: readonly NodeId[];
  /** They receive the log and never vote. */
  readonly learners: readonly NodeId[];
  /** They receive the log, and become voters once they have caught up (thesis §4.2.1). */
  readonly joining: readonly NodeId[];
  /**
   * Voters that are removed when the joining ones become voters: a replacement in one step. One that lost its disk meanwhile is in
   * `joining`, too.
   */
  readonly leaving: readonly NodeId[];
  /** A voter named here counts only with that disk; a voter not named, with any. A joining node is named with the disk that it lost. */
  readonly disks: readonly VoterDisk[];
}

/** The last entry that a snapshot covers, and the configuration in force there. */
export interface SnapshotId extends EntryId {
  readonly configuration: Configuration;
}

const EMPTY_CONFIGURATION: Configuration = Object.freeze({ voters: [], outgoing: [], learners: [], joining: [], leaving: [], disks: [] });

/** A configuration with these parts and otherwise empty lists. */
export const configurationOf = (parts: Partial<Configuration>): Configuration => ({ ...EMPTY_CONFIGURATION, ...parts });

export const entryId = (entry: Entry): EntryId => ({ index: entry.index, term: entry.term });
export const isSameEntry = (a: EntryId, b: EntryId): boolean => a.index === b.index && a.term === b.term;

/** Raft §5.4.1: the later last term wins; within one term the longer log. */
export const isUpToDate = (candidate: EntryId, own: EntryId): boolean =>
  candidate.term > own.term || (candidate.term === own.term && candidate.index >= own.index);

export const EMPTY_BYTES = new Uint8Array(0);
export type { EntryId, LogIndex, NodeId, Term };
