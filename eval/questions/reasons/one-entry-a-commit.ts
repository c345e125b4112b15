import type { NodeStorage, PersistBatch } from '../../../src/storage/port.ts';

/** The storage without group commit: each entry of a turn is a transaction, with an fsync, of its own. */
export function withOneEntryACommit<Storage extends NodeStorage>(storage: Storage): Storage {
  const persist = storage.persist.bind(storage);
  return Object.assign(storage, {
    persist: (batch: PersistBatch) => {
      for (const part of partsOf(batch)) persist(part);
    },
  });
}

/** Term and vote are written with the first entry, what covers the entries with the last: after each part the node could restart. */
export function partsOf(batch: PersistBatch): readonly PersistBatch[] {
  const { hardState, append, ...rest } = batch;
  if (append === undefined || append.entries.length < 2) return [batch];
  return append.entries.map((entry, at) => ({
    ...(at === 0 && hardState !== undefined ? { hardState } : {}),
    append: { from: entry.index, entries: [entry] },
    ...(at === append.entries.length - 1 ? rest : {}),
  }));
}
