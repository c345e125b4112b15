import { asIndex } from '../../src/base/ids.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { entriesFrom } from './core-cases.ts';
import type { MicroCase } from './micro-case.ts';

/** One durable transaction of SQLite, as the time per entry, by the number of its entries. */
export function storageCases(storage: NodeStorage, entryCounts: readonly number[]): MicroCase[] {
  let last = 0;
  return entryCounts.map((count) => {
    let entries = entriesFrom(1, count);
    return {
      name: 'SQLite: commit',
      operations: count,
      operation: 'one entry, durable on the disk',
      size: count,
      sizeOf: 'entries in a commit',
      before: () => {
        entries = entriesFrom(last + 1, count);
      },
      run: () => storage.persist({ append: { from: asIndex(last + 1), entries } }),
      after: () => {
        last += count;
      },
    };
  });
}
