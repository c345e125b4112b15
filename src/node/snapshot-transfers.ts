import { MalformedBytesError } from '../base/bytes.ts';
import type { LogIndex, NodeId, Term } from '../base/ids.ts';
import type { HardState } from '../raft/entry.ts';
import type { InstallSnapshot, SnapshotReply } from '../raft/message.ts';
import type { CoreView } from '../raft/raft-core.ts';
import { SnapshotDamagedError } from '../storage/errors.ts';
import type { NodeStorage } from '../storage/port.ts';
import { decodeRecords, SnapshotReceiver, SnapshotSender } from './snapshot-transfer.ts';

/**
 * Nothing is kept for a follower that is silent for longer: it may be gone for good. Installing a large snapshot takes it a few seconds.
 */
const SILENT_MS_MAX = 10_000;

const NO_CHUNKS: readonly InstallSnapshot[] = [];

/** What a leader keeps for followers that reply to it. */
export interface WantedByFollowers {
  /** They need the log after this index: after the snapshot in transit, or after what they have. Infinity for none of it. */
  readonly logBehind: LogIndex;
  /** A snapshot is in transit: the checkpoint should not be replaced. */
  readonly isCheckpointRead: boolean;
}

/** A snapshot that reached its follower. */
export interface SentSnapshot {
  readonly to: NodeId;
  readonly index: SnapshotReply['snapshot']['index'];
  readonly chunks: number;
}

/** The node's snapshots in transit: those it sends while it leads, and the one it receives. */
export class SnapshotTransfers implements Disposable {
  readonly #id: NodeId;
  readonly #storage: NodeStorage;
  readonly #chunkBytes: number;
  readonly #senders = new Map<NodeId, SnapshotSender | undefined>();
  readonly #receiver = new SnapshotReceiver();
  readonly #wanted: SnapshotReply[] = [];
  #finished: SentSnapshot[] = [];

  constructor(id: NodeId, storage: NodeStorage, chunkBytes: number) {
    this.#id = id;
    this.#storage = storage;
    this.#chunkBytes = chunkBytes;
  }

  /** The next chunk can be sent with the next turn: a turn reads one for each follower. */
  get hasMore(): boolean {
    for (const sender of this.#senders.values()) if (sender?.hasMore === true) return true;
    return false;
  }

  /** When a chunk without a reply is sent again, monotonic ms. */
  get nextResendMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const sender of this.#senders.values()) if (sender !== undefined) next = Math.min(next, sender.resendDueMs);
    return next;
  }

  /** A follower needs a snapshot; this turn sends its first chunk. */
  begin(peer: NodeId): void {
    this.abort(peer);
    this.#senders.set(peer, undefined);
  }

  onReply(reply: SnapshotReply): void {
    this.#wanted.push(reply);
  }

  abort(peer: NodeId): void {
    this.#senders.get(peer)?.[Symbol.dispose]();
    this.#senders.delete(peer);
  }

  abortAll(): void {
    for (const peer of [...this.#senders.keys()]) this.abort(peer);
  }

  /** What the followers need of this leader's log and checkpoint. */
  wanted({ leading }: CoreView, nowMs: number): WantedByFollowers {
    let logBehind = Number.POSITIVE_INFINITY;
    let isCheckpointRead = false;
    for (const [peer, { state, match, lastContactMs }] of leading?.progress ?? []) {
      // A follower that has not replied to this leader yet, or whose channel has ended, is known to have nothing.
      const hasReplied = state === 'snapshot' || match > 0;
      if (!hasReplied || lastContactMs < nowMs - SILENT_MS_MAX) continue;
      const sender = this.#senders.get(peer);
      if (state !== 'snapshot') logBehind = Math.min(logBehind, match);
      else if (sender !== undefined) {
        logBehind = Math.min(logBehind, sender.snapshot.index);
        isCheckpointRead = true;
      }
    }
    return { logBehind: logBehind as LogIndex, isCheckpointRead };
  }

  /** @returns the chunks to send now: at most one for each follower. */
  onTurn(view: CoreView, nowMs: number): readonly InstallSnapshot[] {
    if (this.#senders.size === 0 && this.#wanted.length === 0) return NO_CHUNKS;
    const chunks: InstallSnapshot[] = [];
    const send = (to: NodeId, chunk: ReturnType<SnapshotSender['take']>) => {
      if (chunk !== undefined) chunks.push({ type: 'install-snapshot', from: this.#id, to, term: view.term, ...chunk });
    };
    const isFree = (peer: NodeId): boolean => chunks.every(({ to }) => to !== peer);
    for (const [peer, sender] of this.#senders) if (sender?.isExpired === true) this.begin(peer);
    for (const { from, snapshot, nextChunk } of this.#wanted.splice(0)) {
      const sender = this.#senders.get(from);
      const reply = sender?.onWanted(snapshot, nextChunk, nowMs);
      if (reply === 'restart') this.begin(from);
      else if (reply === 'news' && isFree(from)) send(from, sender?.take(nowMs));
    }
    for (const [peer, sender] of this.#senders) {
      const state = view.leading?.progress.get(peer)?.state;
      if (state !== 'snapshot') {
        // A peer without progress is no longer a member: nothing arrived there.
        if (sender !== undefined && state !== undefined)
          this.#finished.push({ to: peer, index: sender.snapshot.index, chunks: sender.chunks });
        this.abort(peer);
      } else if (sender === undefined) {
        const begun = new SnapshotSender(this.#storage, this.#chunkBytes, nowMs);
        this.#senders.set(peer, begun);
        send(peer, begun.take(nowMs));
      } else if (sender.resendDueMs <= nowMs) send(peer, sender.resend(nowMs));
      else if (isFree(peer)) send(peer, sender.take(nowMs));
    }
    return chunks;
  }

  takeFinished(): readonly SentSnapshot[] {
    const finished = this.#finished;
    if (finished.length > 0) this.#finished = [];
    return finished;
  }

  /**
   * Stages an expected chunk.
   * @returns `installed` once it was the last and the snapshot is the node's state, on disk; `damaged` for a chunk that differs from what
   * was sent: it gets no reply, and is sent again.
   */
  onChunk(message: InstallSnapshot, hardState: HardState): 'installed' | 'staged' | 'damaged' {
    if (!this.#receiver.accepts(message)) return 'staged';
    try {
      this.#storage.stageSnapshot(message.chunk, decodeRecords(message.data));
    } catch (error) {
      if (error instanceof MalformedBytesError || error instanceof SnapshotDamagedError) return 'damaged';
      throw error;
    }
    this.#receiver.onStaged(message.done);
    if (!message.done) return 'staged';
    this.#storage.installSnapshot(message.snapshot, hardState);
    return 'installed';
  }

  /** What to reply to a chunk that was not the last. */
  replyTo(message: InstallSnapshot, term: Term): SnapshotReply {
    const { index, term: snapshotTerm } = message.snapshot;
    return {
      type: 'snapshot-reply',
      from: this.#id,
      to: message.from,
      term,
      snapshot: { index, term: snapshotTerm },
      nextChunk: this.#receiver.next,
    };
  }

  [Symbol.dispose](): void {
    this.abortAll();
  }
}
