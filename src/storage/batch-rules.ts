import type { LogIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import type { EntryId } from '../raft/entry.ts';
import type { PersistBatch } from './port.ts';

/** Where the stored log and checkpoint stand: compacted <= checkpoint, compacted <= last. */
export interface LogBounds {
  readonly compacted: LogIndex;
  readonly last: LogIndex;
  /** The index that the checkpoint covers; zero before the first one. */
  readonly checkpoint: LogIndex;
}

/**
 * What the port demands of a batch, for every adapter alike.
 * @throws {InvariantViolation} naming what the caller got wrong; nothing is written then.
 */
export function checkBatch(bounds: LogBounds, batch: PersistBatch): void {
  const { append, checkpoint, compactTo } = batch;
  let last = bounds.last;
  if (append !== undefined) {
    const { from, entries } = append;
    invariant(from > bounds.compacted, () => `append begins at ${from}, but the log is compacted up to ${bounds.compacted}`);
    // What a checkpoint covers is committed, and a committed entry is never deleted (Raft §5.4.3).
    invariant(from > bounds.checkpoint, () => `append begins at ${from}, but the checkpoint covers the log up to ${bounds.checkpoint}`);
    invariant(from <= last + 1, () => `append begins at ${from} and would leave a gap behind ${last}`);
    for (let at = 0; at < entries.length; at += 1) {
      const index = entries[at]?.index;
      invariant(index === from + at, () => `append holds entry ${index} where ${from + at} belongs`);
    }
    last = (from + entries.length - 1) as LogIndex;
  }
  const covered = checkpoint?.snapshot.index ?? bounds.checkpoint;
  invariant(covered >= bounds.checkpoint, () => `a checkpoint at ${covered} would go back behind ${bounds.checkpoint}`);
  if (checkpoint !== undefined) {
    invariant(covered <= last, () => `a checkpoint at ${covered} covers more than the log, which ends at ${last}`);
  }
  if (compactTo !== undefined) {
    invariant(compactTo <= covered, () => `compaction up to ${compactTo} goes beyond the checkpoint at ${covered}`);
  }
}

/** Whether there is nothing to write. */
export const isEmptyBatch = (batch: PersistBatch): boolean => batch.append === undefined && hasLogOnly(batch);

/** Whether there is nothing to write but entries. */
export const hasLogOnly = ({ hardState, checkpoint, compactTo, generation }: PersistBatch): boolean =>
  hardState === undefined && checkpoint === undefined && compactTo === undefined && generation === undefined;

/** @throws {InvariantViolation} when the snapshot covers less than what is stored. */
export function checkInstall(bounds: LogBounds, snapshot: EntryId): void {
  invariant(
    snapshot.index >= bounds.checkpoint && snapshot.index > bounds.compacted,
    () => `a snapshot at ${snapshot.index} would go back behind the checkpoint at ${bounds.checkpoint}`,
  );
}

/** The entry before the log, after an installed snapshot: index and term of the snapshot alone. */
export const idOf = ({ index, term }: EntryId): EntryId => ({ index, term });
