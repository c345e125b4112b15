import { ANY_GENERATION, type Generation } from '../base/generation.ts';
import type { DiskId, LogIndex } from '../base/ids.ts';
import { ANY_DISK, asIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';

/**
 * - `probe`: the leader does not know where the logs agree, and sends one AppendEntries at a time
 * - `replicate`: the leader knows it, and sends ahead of the replies within a window
 * - `snapshot`: the entries that the follower needs are compacted away, and a snapshot is in transit
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** A leader's state of one follower (Raft Figure 2, nextIndex and matchIndex). Always: match < next. */
export class Progress {
  state: ProgressState = 'probe';
  /** "Index of highest log entry known to be replicated on server" (Raft Figure 2); never goes back while disk and channel are the same. */
  match: LogIndex = asIndex(0);
  /** "Index of the next log entry to send to that server" (Raft Figure 2); at most last + 1. */
  next: LogIndex;
  /** When the last message of this term arrived from the peer, monotonic ms; plus the time excused since. */
  lastContactMs: number;
  /** When an AppendEntries was last sent to the peer, monotonic ms. */
  lastSentMs = Number.NEGATIVE_INFINITY;
  /** The disk in the peer's replies; any until it replies. */
  disk: DiskId = ANY_DISK;
  /** The disk's generation, from the same replies. */
  generation: Generation = ANY_GENERATION;
  /** The latest heartbeat round that it replied to; at most the leader's current one. */
  round = 0;
  /**
   * A catch-up round took less than an election timeout (thesis §4.2.1): as a voter the peer will not hold up commits for long.
   */
  isCaughtUp = false;
  /** Where the current catch-up round ends, and when it began. */
  #catchUpTo: LogIndex;
  #catchUpSinceMs: number;
  /** While probing: the one AppendEntries is in flight. A heartbeat's reply lets the leader send the next one. */
  probeSent = false;
  /**
   * While a snapshot is in transit: it covers the log at least up to here. If compaction has moved past it when it arrives, the
   * follower needs another.
   */
  snapshotFrom: LogIndex = asIndex(0);
  /** Last index and size of each AppendEntries in flight, oldest first; empty unless replicating. */
  readonly #inflight: { last: LogIndex; bytes: number }[] = [];
  /** The sum of their sizes. */
  #inflightBytes = 0;
  /** Excused since the last contact; below `excusedMsMax` plus one absence. */
  #excusedMs = 0;

  /** @param catchUpTo where a first catch-up round ends. */
  constructor(next: LogIndex, nowMs: number, catchUpTo = asIndex(next - 1)) {
    this.next = next;
    this.lastContactMs = nowMs;
    this.#catchUpTo = catchUpTo;
    this.#catchUpSinceMs = nowMs;
  }

  get inflightMessages(): number {
    return this.#inflight.length;
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  onContact(nowMs: number): void {
    this.lastContactMs = nowMs;
    this.#excusedMs = 0;
  }

  /**
   * The leader itself read nothing for a while: this time does not count as the peer's silence, up to `excusedMsMax` since the last
   * contact.
   */
  excuse(durationMs: number, nowMs: number, excusedMsMax: number): void {
    if (this.#excusedMs >= excusedMsMax) return;
    this.#excusedMs += durationMs;
    this.lastContactMs = Math.min(nowMs, this.lastContactMs + durationMs);
  }

  becomeProbe(next: LogIndex): void {
    this.state = 'probe';
    this.next = next > this.match ? next : asIndex(this.match + 1);
    this.probeSent = false;
    this.#dropInflight();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = asIndex(this.match + 1);
    this.probeSent = false;
    this.#dropInflight();
  }

  /** @param compacted the leader's log begins after it; any snapshot sent now covers it. */
  becomeSnapshot(compacted: LogIndex): void {
    this.state = 'snapshot';
    this.snapshotFrom = compacted;
    this.#dropInflight();
  }

  /** Entries up to `last` were sent to the peer. */
  onSent(last: LogIndex, bytes: number): void {
    invariant(last >= this.next, () => `sent up to ${last}, but ${this.next} was to come next`);
    this.next = asIndex(last + 1);
    this.#inflight.push({ last, bytes });
    this.#inflightBytes += bytes;
  }

  /** The peer's log agrees up to `match`. @returns whether `match` advanced. */
  onAccepted(match: LogIndex): boolean {
    let freed = 0;
    while (freed < this.#inflight.length && (this.#inflight[freed]?.last ?? match) <= match) {
      this.#inflightBytes -= this.#inflight[freed]?.bytes ?? 0;
      freed += 1;
    }
    if (freed > 0) this.#inflight.splice(0, freed);
    if (match <= this.match) return false;
    this.match = match;
    if (this.next <= match) this.next = asIndex(match + 1);
    return true;
  }

  /**
   * Catch-up rounds: each brings the peer to where the leader's log ended when the round began, so rounds become shorter
   * while the peer is faster than the load.
   */
  measureCatchUp(lastIndex: LogIndex, nowMs: number, roundMsMax: number): void {
    if (this.isCaughtUp || this.match < this.#catchUpTo) return;
    this.isCaughtUp = nowMs - this.#catchUpSinceMs <= roundMsMax || this.match >= lastIndex;
    this.#catchUpTo = lastIndex;
    this.#catchUpSinceMs = nowMs;
  }

  #dropInflight(): void {
    this.#inflight.length = 0;
    this.#inflightBytes = 0;
  }
}
