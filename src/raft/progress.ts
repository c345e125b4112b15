import { ANY_GENERATION, type Generation } from '../base/generation.ts';
import type { DiskId, LogIndex } from '../base/ids.ts';
import { ANY_DISK, asIndex } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';

/**
 * - `probe`: the leader does not know where the logs agree, and sends one AppendEntries at a time
 * - `replicate`: it does, and streams ahead of the replies within a window
 * - `snapshot`: the entries the follower needs are compacted away, and a snapshot is on its way
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What a leader knows of one follower (Raft Figure 2, nextIndex and matchIndex). Always: match < next. */
export class Progress {
  state: ProgressState = 'probe';
  match: LogIndex = asIndex(0);
  next: LogIndex;
  /** When anything of this term arrived from the peer, monotonic ms; later by what was excused since. */
  lastContactMs: number;
  /** When an AppendEntries was last sent to the peer, monotonic ms. */
  lastSentMs = Number.NEGATIVE_INFINITY;
  /** The disk that the peer's replies speak for; any until it replies. */
  disk: DiskId = ANY_DISK;
  /** The disk's generation, by the same replies. */
  generation: Generation = ANY_GENERATION;
  /** The latest round of heartbeats that it answered. */
  round = 0;
  /**
   * A round of catching up took it less than an election timeout (thesis §4.2.1): as a voter it will hold nothing up for long.
   */
  isCaughtUp = false;
  #catchUpTo: LogIndex;
  #catchUpSinceMs: number;
  /** While probing: the one AppendEntries is out. A heartbeat's reply lets the next one go. */
  probeSent = false;
  /**
   * While a snapshot is on its way: it covers the log at least up to here. Compaction may have moved on when it arrives; the
   * follower then needs another.
   */
  snapshotFrom: LogIndex = asIndex(0);
  // Last index and size of each AppendEntries that is out, oldest first.
  readonly #inflight: { last: LogIndex; bytes: number }[] = [];
  #inflightBytes = 0;
  #excusedMs = 0;

  /** @param catchUpTo where a first round of catching up ends. */
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

  /** The leader itself read nothing for a while, and counts that as nobody's silence: until it has left out so much since it heard the peer. */
  excuse(durationMs: number, nowMs: number, excusedMsMax: number): void {
    if (this.#excusedMs >= excusedMsMax) return;
    this.#excusedMs += durationMs;
    this.lastContactMs = Math.min(nowMs, this.lastContactMs + durationMs);
  }

  becomeProbe(next: LogIndex): void {
    this.state = 'probe';
    this.next = next > this.match ? next : asIndex(this.match + 1);
    this.probeSent = false;
    this.#forgetInflight();
  }

  becomeReplicate(): void {
    this.state = 'replicate';
    this.next = asIndex(this.match + 1);
    this.probeSent = false;
    this.#forgetInflight();
  }

  /** @param compacted where the leader's log begins; whatever snapshot is sent now covers it. */
  becomeSnapshot(compacted: LogIndex): void {
    this.state = 'snapshot';
    this.snapshotFrom = compacted;
    this.#forgetInflight();
  }

  /** Entries up to `last` left for the peer. */
  onSent(last: LogIndex, bytes: number): void {
    invariant(last >= this.next, () => `sent up to ${last}, but ${this.next} was to come next`);
    this.next = asIndex(last + 1);
    this.#inflight.push({ last, bytes });
    this.#inflightBytes += bytes;
  }

  /** The peer's log agrees up to `match`. @returns whether that is news. */
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
   * Rounds of catching up: each brings the peer to where the leader's log ended when the round began, so that they become shorter
   * as long as it is faster than the load.
   */
  measureCatchUp(lastIndex: LogIndex, nowMs: number, roundMsMax: number): void {
    if (this.isCaughtUp || this.match < this.#catchUpTo) return;
    this.isCaughtUp = nowMs - this.#catchUpSinceMs <= roundMsMax || this.match >= lastIndex;
    this.#catchUpTo = lastIndex;
    this.#catchUpSinceMs = nowMs;
  }

  #forgetInflight(): void {
    this.#inflight.length = 0;
    this.#inflightBytes = 0;
  }
}
