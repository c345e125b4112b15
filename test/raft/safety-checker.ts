import type { NodeId } from '../../src/base/ids.ts';
import { asIndex } from '../../src/base/ids.ts';
import type { Configuration, Entry, EntryId, HardState } from '../../src/raft/entry.ts';
import { voteResult } from '../../src/raft/quorum.ts';
import type { CoreView } from '../../src/raft/raft-core.ts';
import type { Disk } from './disk.ts';

/** The nodes that are checked. */
export interface CheckedNodes {
  liveIds(): readonly number[];
  core(id: number): { readonly view: CoreView };
  disk(id: number): Disk;
}

interface Committed {
  readonly entry: Entry;
  /** The term of the node that first knew it to be committed. */
  readonly inTerm: number;
}

const isSameEntry = (a: Entry, b: Entry): boolean => a.term === b.term && a.kind === b.kind && a.data.toString() === b.data.toString();

/** The five properties of Raft Figure 3, the durable vote, and durability on a majority's disks, checked after every step. */
export class SafetyChecker {
  readonly #nodes: CheckedNodes;
  readonly #leaders = new Map<number, number>();
  readonly #leaderLogs = new Map<number, { term: number; log: readonly Entry[] }>();
  readonly #known = new Map<number, number>();
  readonly committed = new Map<number, Committed>();

  constructor(nodes: CheckedNodes) {
    this.#nodes = nodes;
  }

  /** How many terms had a leader. */
  get elections(): number {
    return this.#leaders.size;
  }

  afterDiskLoss(id: number): void {
    this.#known.set(id, 0);
    this.#leaderLogs.delete(id);
  }

  afterRestart(id: number): void {
    this.#known.set(id, this.#nodes.core(id).view.commit);
    this.#leaderLogs.delete(id);
  }

  /** One durable vote per term, and a term that only grows. */
  beforeHardState(id: number, before: HardState, after: HardState): void {
    if (after.term < before.term) fail(`node ${id} writes term ${after.term} over ${before.term}`);
    if (after.term === before.term && before.votedFor !== undefined && after.votedFor !== before.votedFor)
      fail(`node ${id} writes a vote for ${after.votedFor} over one for ${before.votedFor} in term ${after.term}`);
  }

  afterStep(id: number): void {
    const { view } = this.#nodes.core(id);
    if (view.role === 'leader') this.#checkLeader(id, view);
    else this.#leaderLogs.delete(id);
    this.#checkLogMatching(id, view);
    this.#checkCommit(id, view);
  }

  #checkLeader(id: number, view: CoreView): void {
    const other = this.#leaders.get(view.term);
    if (other !== undefined && other !== id) fail(`election safety: nodes ${other} and ${id} both led term ${view.term}`);
    if (other === undefined) {
      this.#leaders.set(view.term, id);
      for (const { entry, inTerm } of this.committed.values()) if (inTerm < view.term) this.#checkComplete(id, view, entry);
    }
    const before = this.#leaderLogs.get(id);
    if (before?.term === view.term) {
      for (const entry of before.log) {
        const now = view.log.entryAt(entry.index);
        if (entry.index > view.log.compacted.index && now !== entry)
          fail(`leader append-only: leader ${id} changed its entry ${entry.index}`);
      }
    }
    this.#leaderLogs.set(id, { term: view.term, log: windowOf(view) });
  }

  #checkComplete(id: number, view: CoreView, entry: Entry): void {
    if (entry.index <= view.log.compacted.index) return;
    if (view.log.termAt(entry.index) !== entry.term)
      fail(`leader completeness: leader ${id} of term ${view.term} lacks the committed entry ${entry.index} of term ${entry.term}`);
  }

  #checkLogMatching(id: number, view: CoreView): void {
    for (const other of this.#nodes.liveIds()) {
      if (other === id) continue;
      const theirs = this.#nodes.core(other).view.log;
      const from = Math.max(view.log.compacted.index, theirs.compacted.index);
      let agrees = false;
      for (let index = Math.min(view.log.lastIndex, theirs.lastIndex); index > from; index -= 1) {
        const [mine, its] = [view.log.entryAt(asIndex(index)), theirs.entryAt(asIndex(index))];
        if (mine === undefined || its === undefined) continue;
        if (mine.term === its.term) agrees = true;
        if (agrees && !isSameEntry(mine, its)) fail(`log matching: nodes ${id} and ${other} agree after entry ${index} and differ in it`);
      }
    }
  }

  #checkCommit(id: number, view: CoreView): void {
    const known = this.#known.get(id) ?? 0;
    if (view.commit < known) fail(`node ${id} took its commit index back from ${known} to ${view.commit}`);
    this.#known.set(id, view.commit);
    for (let index = known + 1; index <= view.commit; index += 1) {
      const first = this.committed.get(index);
      const entry = view.log.entryAt(asIndex(index));
      if (entry === undefined) {
        if (first === undefined) fail(`node ${id} got a snapshot with entry ${index}, which was not committed`);
        if (index === view.log.compacted.index) this.#checkSnapshot(id, view.log.compacted, first);
        continue;
      }
      if (first !== undefined) {
        if (!isSameEntry(first.entry, entry)) fail(`state machine safety: node ${id} applies another entry at ${index} than others did`);
        continue;
      }
      this.#checkMajorityOnDisk(entry, view.configuration);
      this.committed.set(index, { entry, inTerm: view.term });
      for (const leader of this.#nodes.liveIds()) {
        const theirs = this.#nodes.core(leader).view;
        if (theirs.role === 'leader' && theirs.term > view.term) this.#checkComplete(leader, theirs, entry);
      }
    }
  }

  #checkSnapshot(id: number, snapshot: EntryId, committed: Committed | undefined): void {
    if (committed?.entry.term !== snapshot.term) fail(`node ${id} got a snapshot that ends in an entry of another term`);
  }

  /** Every acknowledged entry is on the disks of a majority. */
  #checkMajorityOnDisk(entry: Entry, configuration: Configuration): void {
    const isHolder = (id: NodeId): boolean => {
      const { compacted, entries, id: disk } = this.#nodes.disk(id);
      if (configuration.disks.some((known) => known.node === id && known.disk !== disk)) return false;
      return entry.index <= compacted.index || entries[entry.index - compacted.index - 1]?.term === entry.term;
    };
    if (voteResult(configuration, isHolder) !== 'won')
      fail(`entry ${entry.index} is committed, and only on the disks of ${configuration.voters.filter(isHolder).join(', ')}`);
  }
}

const windowOf = ({ log }: CoreView): readonly Entry[] => log.between(log.compacted.index, log.lastIndex);

function fail(what: string): never {
  throw new Error(`Unsafe: ${what}`);
}
