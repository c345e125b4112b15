import { asIndex, type LogIndex, type NodeId } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { SnapshotId } from '../raft/entry.ts';
import type { CoreView } from '../raft/raft-core.ts';
import type { PersistBatch } from '../storage/port.ts';
import { CheckpointPace } from './checkpoint-pace.ts';
import type { NodeLimits } from './limits.ts';
import type { WantedByFollowers } from './snapshot-transfers.ts';
import type { StateMachine } from './state-machine.ts';

/** What the schedule asks of the state machine. */
type Checkpointed = Pick<StateMachine, 'pendingChanges' | 'pendingWork' | 'takeChanges'>;

/** The part of a turn's transaction that advances the checkpoint and drops the log before it. */
export type CheckpointPart = Required<Pick<PersistBatch, 'checkpoint' | 'compactTo'>>;

/** Most entries that are kept for followers beyond the tail: every checkpoint iterates over them. */
const FOLLOWER_TAIL_ENTRIES = 100_000;

/** How many nodes with consecutive ids write their checkpoints at different times. */
const PHASES = 5;

/** A postponed checkpoint is written once this many times the usual amount has changed: it bounds the write's duration. */
const HELD_CHECKPOINTS = 4;

/** Work that every checkpoint repeats, such as a row for each client, is at most this part of one that is due early. */
const REPEATED_SHARE = 1 / 3;

/** When a checkpoint is due: it bounds the log on disk, the replay at the next start, and how long one write blocks the node. */
export class CheckpointSchedule {
  readonly #limits: NodeLimits;
  readonly #pace: CheckpointPace;
  #last: SnapshotId;
  #bytesSince = 0;
  #phase: number;
  /** Whether the latest checkpoint was being read for a snapshot when the next one was last due. */
  #isRead = false;

  /**
   * @param node delays the first checkpoint, and thereby all later ones, so that replicas do not pause at the same time.
   * @param nowMs monotonic ms, for measuring how long a checkpoint takes.
   */
  constructor(limits: NodeLimits, last: SnapshotId, node: NodeId, nowMs: () => number) {
    this.#limits = limits;
    this.#last = last;
    this.#phase = 1 + (node % PHASES) / PHASES;
    this.#pace = new CheckpointPace(nowMs);
  }

  /** The last entry that the checkpoint on disk covers. */
  get index(): LogIndex {
    return this.#last.index;
  }

  onApplied(bytes: number): void {
    this.#bytesSince += bytes;
  }

  /**
   * @param wantedNow what is kept for followers. A checkpoint that is read for a snapshot is not replaced for a while: once it is, its
   * reader keeps the WAL from being checkpointed, and must start again in the end.
   * @returns what to write with this turn, if a checkpoint is due.
   */
  nextPart(
    { log, configurations }: CoreView,
    machine: Checkpointed,
    applied: LogIndex,
    wantedNow: () => WantedByFollowers,
  ): CheckpointPart | undefined {
    // The checkpoint must not cover entries of this turn that are not on disk yet; it waits for the next turn.
    if (!this.#isReached(machine, applied) || applied > log.persisted) return undefined;
    const wanted = wantedNow();
    this.#isRead = wanted.isCheckpointRead;
    if (!this.isDue(machine, applied)) return undefined;
    const term = log.termAt(applied);
    invariant(term !== undefined, () => `the applied entry ${applied} has left the log`);
    const { configuration } = configurations.at(applied);
    const { tailEntries, tailBytes, followerTailBytes } = this.#limits;
    let compactTo = log.lastBeforeTail(applied, tailEntries, tailBytes);
    if (wanted.logBehind < compactTo) {
      const least = log.lastBeforeTail(compactTo, FOLLOWER_TAIL_ENTRIES, followerTailBytes);
      compactTo = asIndex(Math.max(wanted.logBehind, least));
    }
    const { once, repeated } = machine.pendingWork;
    const changes = this.#pace.measured(machine.takeChanges(), once + repeated);
    return { checkpoint: { snapshot: { index: applied, term, configuration }, changes }, compactTo };
  }

  /** Whether a checkpoint should be written before more entries are applied: each of them makes it longer. */
  isDue(machine: Checkpointed, applied: LogIndex): boolean {
    return this.#isReached(machine, applied) && !(this.#isRead && this.#mayWait(machine));
  }

  #isReached(machine: Checkpointed, applied: LogIndex): boolean {
    const entries = applied - this.#last.index;
    if (entries === 0) return false;
    const { checkpointEntries, checkpointBytes, checkpointRecords } = this.#limits;
    const isLong = entries >= checkpointEntries * this.#phase || this.#bytesSince >= checkpointBytes * this.#phase;
    const isLarge = machine.pendingChanges >= checkpointRecords * this.#phase || this.#isMuchWork(machine);
    return isLong || isLarge;
  }

  /**
   * Whether writing the changes takes as long as a turn may be blocked. Where that would rewrite the same pages repeatedly, only the limits
   * apply.
   */
  #isMuchWork(machine: Checkpointed): boolean {
    const { once, repeated } = machine.pendingWork;
    const work = once + repeated;
    return work >= this.#pace.workMax && repeated <= REPEATED_SHARE * work;
  }

  onWritten(part: CheckpointPart): void {
    this.#phase = 1;
    this.onInstalled(part.checkpoint.snapshot);
  }

  onInstalled(snapshot: SnapshotId): void {
    this.#last = snapshot;
    this.#bytesSince = 0;
  }

  /** Whether a due checkpoint may be postponed. */
  #mayWait(machine: Checkpointed): boolean {
    const { checkpointBytes, checkpointRecords } = this.#limits;
    return this.#bytesSince < HELD_CHECKPOINTS * checkpointBytes && machine.pendingChanges < HELD_CHECKPOINTS * checkpointRecords;
  }
}
