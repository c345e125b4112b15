import type { DiskId } from '../../src/base/ids.ts';
import type { Configuration, Entry, EntryId, HardState } from '../../src/raft/entry.ts';

/** What survives a crash. */
export interface Disk {
  hardState: HardState;
  compacted: EntryId;
  /** In force at `compacted`. */
  configuration: Configuration;
  entries: Entry[];
  id: DiskId;
}
