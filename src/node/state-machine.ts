import type { LogIndex } from '../base/ids.ts';
import type { RecordChange, RecordSource } from '../protocol/record.ts';
import type { RequestPolicy } from './request-policy.ts';

/** Receives the replies; only the leader has one. */
export interface ReplySink {
  /** Whether a client of this node waits for this reply; if not, no reply is built. */
  wants(client: number, sequence: number): boolean;
  /** @param bytes begin with client and sequence, as f64, little-endian. The state may remember them: do not change or transfer them. */
  reply(client: number, sequence: number, bytes: Uint8Array): void;
}

/** Estimated cost of writing the next checkpoint, in units of about the same time; a unit is at least a row. */
export interface PendingWork {
  /** Written once, however often checkpoints are taken. */
  readonly once: number;
  /** Written again by each of more frequent checkpoints. */
  readonly repeated: number;
}

/** A query that waits at its node until there is something to read. */
export interface QueryWait {
  readonly topic: string;
  /** How long it may wait, in ms; then it is answered as it is. */
  readonly waitMs: number;
  /** Whether there is something to read now. */
  isReady(): boolean;
}

/** The progress of a query that is answered in parts. */
export interface QueryRun {
  /** Undefined for a query that never waits. */
  readonly wait?: QueryWait | undefined;
  /** Number of operations with a result. */
  readonly done: number;
  readonly isOver: boolean;
  /** What the last call of {@link next} cost beside the bytes of its reply: the bytes of a reply that would take as long. */
  readonly workBytes: number;
  /**
   * @returns the reply to the next operations: as many as show about `bytesMax` bytes of payloads, and at least one; undefined if the next
   * one takes longer than that, and is continued by the next call.
   */
  next(bytesMax: number): Uint8Array | undefined;
}

/**
 * The replicated state of a cluster. A node applies committed entries to it, writes its changes to the checkpoint, and restores it from
 * there. It is a function of the entries alone: the same entries give the same state and replies on every replica, whatever their
 * checkpoints and restarts. Its entries have the form that `protocol/entry-data.ts` describes: a header with version and time, and requests.
 */
export interface StateMachine {
  /** The newest version that this release applies. The first version of each machine is 1. */
  readonly versionMax: number;
  /** The version of the latest entry applied. */
  readonly version: number;
  /** The log clock at the latest entry, in ms; never goes back. */
  readonly logMs: number;
  /** When something is due next by the log clock, in ms, or a little earlier: the leader then proposes an empty entry. Infinity if never. */
  readonly nextLogDueMs: number;
  /** The same by the leader's wall clock, in ms since 1970. */
  readonly nextWallDueMs: number;
  /** Whether the first entry of a leader's term changes something: then the leader does not wait for a request to propose it. */
  readonly isTermStartDue: boolean;
  /** Estimated number of records that the next checkpoint has to write. */
  readonly pendingChanges: number;
  readonly pendingWork: PendingWork;
  /**
   * Applies one committed entry by the version that it names. Malformed bytes change nothing, on all replicas alike.
   * @param data may be kept: never change or transfer it.
   * @throws {UnsupportedVersionError} when a newer release has to apply the entry; nothing has changed.
   */
  apply(index: LogIndex, data: Uint8Array, replies?: ReplySink): void;
  /** @param request that the policy's `inspectQuery` accepted. Queries change nothing, and time does not advance. */
  openQuery(request: Uint8Array): QueryRun;
  /** What changed since the last checkpoint. Read to the end; nothing is applied until {@link checkpointWritten}. */
  takeChanges(): Iterable<RecordChange>;
  /** The changes are on disk. @returns how many records were written. */
  checkpointWritten(): number;
  /** Replaces the state by a checkpoint's; without records by the empty state. @throws {MalformedBytesError | UnsupportedVersionError} */
  restore(records: RecordSource): void;
  /** A hash of the whole logical state: equal on all replicas that applied the same entries. */
  digest(): string;
  /** For tests. @throws {InvariantViolation} when the state contradicts itself. */
  check(): void;
}

/** What a node offers its state machine. */
export interface MachineHost {
  /** One record of the last written checkpoint. @throws {StorageError} on damage. */
  readRecord(kind: number, key: number): Uint8Array | undefined;
  /** Requests that wait for this topic may be served from now on. The machine may call it while it applies an entry. */
  onAvailable(topic: string): void;
  /** Queries that wait for this topic may have something to read. The machine may call it while it applies an entry. */
  onReadable(topic: string): void;
}

/** Makes a node's state machine, in its empty state. */
export type OpenMachine<Machine extends StateMachine> = (host: MachineHost) => {
  readonly machine: Machine;
  readonly policy: RequestPolicy;
};
