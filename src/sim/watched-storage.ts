import type { EntryId, LogIndex, NodeId, Term } from '../base/ids.ts';
import { asIndex, asTerm } from '../base/ids.ts';
import type { Entry, HardState, SnapshotId } from '../raft/entry.ts';
import type { CheckpointReader, NodeStorage, PersistBatch, PersistedState } from '../storage/port.ts';
import { checkProperty } from './violation.ts';

/** The contents of a disk, as they were written. Survives the node. */
export class DurableState {
  term: Term = asTerm(0);
  votedFor: NodeId | undefined;
  compacted: EntryId = { index: asIndex(0), term: asTerm(0) };
  /** Terms of the entries after `compacted`. */
  terms: Term[] = [];
  /** Terms of all entries that it ever held, by index, without truncated ones. */
  readonly history: Term[] = [];

  copy(): DurableState {
    const copy = new DurableState();
    Object.assign(copy, { term: this.term, votedFor: this.votedFor, compacted: this.compacted, terms: [...this.terms] });
    copy.history.push(...this.history);
    return copy;
  }

  get lastIndex(): LogIndex {
    return asIndex(this.compacted.index + this.terms.length);
  }

  holds(id: EntryId): boolean {
    if (id.index < this.compacted.index) return true;
    if (id.index === this.compacted.index) return true;
    return this.terms[id.index - this.compacted.index - 1] === id.term;
  }
}

export interface WriteObserver {
  /** Called before the entry at `id` and all after it are deleted; `isPart`: the next turns also delete some before it. */
  onTruncating(id: EntryId, isPart: boolean): void;
  /** Also for those that are found at a start. */
  onAppended(entries: readonly Entry[], before: EntryId): void;
  onPersist(batch: PersistBatch): void;
}

/** Forwards all calls, and checks that no write has a second vote in a term, a smaller term, or entries before their term. */
export class WatchedStorage implements NodeStorage {
  readonly #inner: NodeStorage;
  readonly #durable: DurableState;
  readonly #node: number;
  readonly #observer: WriteObserver;

  constructor(inner: NodeStorage, durable: DurableState, node: number, observer: WriteObserver) {
    this.#inner = inner;
    this.#durable = durable;
    this.#node = node;
    this.#observer = observer;
  }

  load(): PersistedState {
    const state = this.#inner.load();
    const durable = this.#durable;
    // A failed write may have reached the disk: from now on it counts.
    durable.term = state.hardState.term;
    durable.votedFor = state.hardState.votedFor;
    durable.compacted = state.compacted;
    durable.terms = state.entries.map((entry) => entry.term);
    durable.history.length = Math.min(durable.history.length, durable.lastIndex + 1);
    for (const entry of state.entries) durable.history[entry.index] = entry.term;
    this.#observer.onAppended(state.entries, state.compacted);
    return state;
  }

  records(kind: number): ReturnType<NodeStorage['records']> {
    return this.#inner.records(kind);
  }

  readRecord(kind: number, key: number): Uint8Array | undefined {
    return this.#inner.readRecord(kind, key);
  }

  persist(batch: PersistBatch): void {
    const durable = this.#durable;
    if (batch.hardState !== undefined) this.#checkVote(batch.hardState);
    const term = batch.hardState?.term ?? durable.term;
    for (const entry of batch.append?.entries ?? []) {
      checkProperty(
        entry.term <= term,
        'term before its entries',
        () => `node ${this.#node} writes an entry of term ${entry.term} in term ${term}`,
      );
    }
    this.#inner.persist(batch);
    this.#observer.onPersist(batch);
    this.#takeHardState(batch.hardState);
    if (batch.append !== undefined) {
      const { from, entries } = batch.append;
      const deleted = durable.terms[from - durable.compacted.index - 1];
      if (deleted !== undefined) this.#observer.onTruncating({ index: from, term: deleted }, entries.length === 0);
      durable.terms.length = from - durable.compacted.index - 1;
      const before = { index: asIndex(from - 1), term: durable.terms.at(-1) ?? durable.compacted.term };
      durable.history.length = Math.min(durable.history.length, from);
      for (const entry of entries) {
        durable.terms.push(entry.term);
        durable.history[entry.index] = entry.term;
      }
      this.#observer.onAppended(entries, before);
    }
    if (batch.compactTo !== undefined && batch.compactTo > durable.compacted.index) {
      const dropped = batch.compactTo - durable.compacted.index;
      const term = durable.terms[dropped - 1] ?? asTerm(0);
      durable.terms.splice(0, dropped);
      durable.compacted = { index: batch.compactTo, term };
    }
  }

  truncationStart(from: LogIndex): LogIndex {
    return this.#inner.truncationStart(from);
  }

  openCheckpointReader(): CheckpointReader {
    return this.#inner.openCheckpointReader();
  }

  stageSnapshot(...parts: Parameters<NodeStorage['stageSnapshot']>): void {
    this.#inner.stageSnapshot(...parts);
  }

  installSnapshot(snapshot: SnapshotId, hardState: HardState): void {
    this.#checkVote(hardState);
    this.#inner.installSnapshot(snapshot, hardState);
    this.#takeHardState(hardState);
    this.#durable.compacted = { index: snapshot.index, term: snapshot.term };
    this.#durable.terms = [];
  }

  [Symbol.dispose](): void {
    this.#inner[Symbol.dispose]();
  }

  #checkVote(next: HardState): void {
    const { term, votedFor } = this.#durable;
    checkProperty(next.term >= term, 'terms never go back', () => `node ${this.#node} writes term ${next.term} over ${term}`);
    const isOtherVote = next.term === term && votedFor !== undefined && next.votedFor !== votedFor;
    checkProperty(
      !isOtherVote,
      'one vote a term',
      () => `node ${this.#node} votes for ${next.votedFor} and for ${votedFor} in term ${term}`,
    );
  }

  #takeHardState(hardState: HardState | undefined): void {
    if (hardState === undefined) return;
    this.#durable.term = hardState.term;
    this.#durable.votedFor = hardState.votedFor;
  }
}
