import type { LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { EntryId } from '../raft/entry.ts';
import type { PersistBatch } from './port.ts';

/** Bounds of the stored log and checkpoint: compacted <= checkpoint, compacted <= last. */
export interface LogBounds {
  readonly compacted: LogIndex;
  readonly last: LogIndex;
  /** The index that the checkpoint covers; zero before the first one. */
  readonly checkpoint: LogIndex;
}

/**
 * The port's requirements for a batch, the same for every adapter.
 * @throws {InvariantViolation} naming the violation; nothing is written then.
 */
export function checkBatch(bounds: LogBounds, batch: PersistBatch): void {
  const { append, checkpoint, compactTo } = batch;
  let last = bounds.last;
  if (append !== undefined) {
    const { from, entries } = append;
    invariant(from > bounds.compacted, () => `append begins at ${from}, but the log is compacted up to ${bounds.compacted}`);
    // Entries that a checkpoint covers are committed, and a committed entry is never deleted (Raft §5.4.3).
    invariant(from > bounds.checkpoint, () => `append begins at ${from}, but the checkpoint covers the log up to ${bounds.checkpoint}`);
    invariant(from <= last + 1, () => `append begins at ${from} and would leave a gap after ${last}`);
    for (let at = 0; at < entries.length; at += 1) {
      const index = entries[at]?.index;
      invariant(index === from + at, () => `append holds entry ${index} where ${from + at} belongs`);
    }
    last = (from + entries.length - 1) as LogIndex;
  }
  const covered = checkpoint?.snapshot.index ?? bounds.checkpoint;
  invariant(covered >= bounds.checkpoint, () => `a checkpoint at ${covered} is before the checkpoint at ${bounds.checkpoint}`);
  if (checkpoint !== undefined) {
    invariant(covered <= last, () => `a checkpoint at ${covered} covers more than the log, which ends at ${last}`);
  }
  if (compactTo !== undefined) {
    invariant(compactTo <= covered, () => `compaction up to ${compactTo} goes beyond the checkpoint at ${covered}`);
  }
}

/** Whether there is nothing to write. */
export const isEmptyBatch = (batch: PersistBatch): boolean => batch.append === undefined && hasLogOnly(batch);

/** Whether there is nothing to write except entries. */
export const hasLogOnly = ({ hardState, checkpoint, compactTo, generation }: PersistBatch): boolean =>
  hardState === undefined && checkpoint === undefined && compactTo === undefined && generation === undefined;

/** @throws {InvariantViolation} when the snapshot covers less than what is stored. */
export function checkInstall(bounds: LogBounds, snapshot: EntryId): void {
  invariant(
    snapshot.index >= bounds.checkpoint && snapshot.index > bounds.compacted,
    () => `a snapshot at ${snapshot.index} is before the checkpoint at ${bounds.checkpoint}`,
  );
}

/** The entry before the log, after an installed snapshot: only the snapshot's index and term. */
export const idOf = ({ index, term }: EntryId): EntryId => ({ index, term });
