import type { LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import type { SnapshotId } from '../raft/entry.ts';
import type { CoreView } from '../raft/raft-core.ts';
import type { PersistBatch } from '../storage/port.ts';
import type { NodeLimits } from './limits.ts';

/** The part of a turn's transaction that brings the checkpoint forward and drops the log behind it. */
export type CheckpointPart = Required<Pick<PersistBatch, 'checkpoint' | 'compactTo'>>;

/** When a checkpoint is due: it bounds the log on disk, the replay at the next start, and how long one write holds the node up. */
export class CheckpointSchedule {
  readonly #limits: NodeLimits;
  #last: SnapshotId;
  #bytesSince = 0;
  #phase: number;

  /** @param phase in [0, 1): delays the first checkpoint and with it all that follow, so that replicas do not stand still together. */
  constructor(limits: NodeLimits, last: SnapshotId, phase: number) {
    this.#limits = limits;
    this.#last = last;
    this.#phase = 1 + Math.max(0, phase);
  }

  onApplied(bytes: number): void {
    this.#bytesSince += bytes;
  }

  /** @returns what to write with this turn, if a checkpoint is due. */
  nextPart({ log, configurations }: CoreView, machine: JobQueue, applied: LogIndex): CheckpointPart | undefined {
    if (!this.#isDue(machine, applied)) return undefined;
    // What this turn appends is not on disk yet; the checkpoint waits for the next turn rather than cover it.
    if (applied > log.persisted) return undefined;
    const term = log.termAt(applied);
    invariant(term !== undefined, () => `the applied entry ${applied} has left the log`);
    const { configuration } = configurations.at(applied);
    const { tailEntries, tailBytes } = this.#limits;
    const compactTo = log.lastBeforeTail(applied, tailEntries, tailBytes);
    return { checkpoint: { snapshot: { index: applied, term, configuration }, changes: machine.takeChanges() }, compactTo };
  }

  onWritten(part: CheckpointPart): void {
    this.#phase = 1;
    this.onInstalled(part.checkpoint.snapshot);
  }

  onInstalled(snapshot: SnapshotId): void {
    this.#last = snapshot;
    this.#bytesSince = 0;
  }

  #isDue(machine: JobQueue, applied: LogIndex): boolean {
    const { checkpointEntries, checkpointBytes, checkpointRecords } = this.#limits;
    if (applied === this.#last.index) return false;
    if (applied - this.#last.index >= checkpointEntries * this.#phase || this.#bytesSince >= checkpointBytes * this.#phase) return true;
    return machine.pendingChanges >= checkpointRecords * this.#phase;
  }
}
