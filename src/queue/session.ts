import { MACHINE_VERSION } from '../protocol/machine-version.ts';
import { STATE_BOUNDS, type StateBounds } from './state-bounds.ts';

/** From this version on a sequence whose reply is evicted is recorded once, also in a hole that was closed. */
const EVICTED_ONCE_VERSION = 3;

/**
 * The remembered replies of one client, so that a repeated request gets its first reply (thesis §6.3). Replies are kept until the
 * client acknowledges them. Beyond the limit the oldest reply is evicted, but its sequence stays recorded as executed.
 */
export class Session {
  readonly client: number;
  /** The client waits for no sequence below. */
  acknowledgedBelow = 1;
  /** Log time of the latest request. */
  lastMs = 0;
  /** Increases with every request of any session: the order of idleness. */
  touchOrder = 0;
  older: Session | undefined = undefined;
  newer: Session | undefined = undefined;
  isDirty = false;
  isStored = false;
  /** Reply heads by sequence, in the order they were created. */
  readonly #replies = new Map<number, Uint8Array>();
  #replyBytes = 0;
  /** Sequences that were executed and whose reply is evicted: first and last of each run, ascending. */
  #evicted: number[] = [];

  constructor(client: number) {
    this.client = client;
  }

  get replies(): ReadonlyMap<number, Uint8Array> {
    return this.#replies;
  }

  get replyBytes(): number {
    return this.#replyBytes;
  }

  get evicted(): readonly number[] {
    return this.#evicted;
  }

  replyTo(sequence: number): Uint8Array | undefined {
    return this.#replies.get(sequence);
  }

  /** Whether the sequence was executed, or must be treated as executed, and its reply is gone. */
  isEvicted(sequence: number): boolean {
    const runs = this.#evicted;
    for (let at = 0; at < runs.length; at += 2) {
      if (sequence >= (runs[at] as number) && sequence <= (runs[at + 1] as number)) return true;
    }
    return false;
  }

  /** The client does not repeat any sequence below. */
  acknowledge(below: number): void {
    const from = this.acknowledgedBelow;
    if (below <= from) return;
    this.acknowledgedBelow = below;
    if (below - from <= this.#replies.size) for (let sequence = from; sequence < below; sequence += 1) this.#drop(sequence);
    else for (const sequence of this.#replies.keys()) if (sequence < below) this.#drop(sequence);
    const runs = this.#evicted;
    while (runs.length > 0 && (runs[1] as number) < below) runs.splice(0, 2);
  }

  /** @param reply kept as it is; it must not be changed. @param version of the state machine that the entry names. */
  remember(sequence: number, reply: Uint8Array, bounds: StateBounds = STATE_BOUNDS, version = MACHINE_VERSION): void {
    const { sessionRepliesMax, sessionReplyBytesMax, sessionEvictedRunsMax } = bounds;
    this.#replies.set(sequence, reply);
    this.#replyBytes += reply.length;
    while (this.#replies.size > 1 && (this.#replies.size > sessionRepliesMax || this.#replyBytes > sessionReplyBytesMax)) {
      const oldest = this.#replies.keys().next().value as number;
      this.#drop(oldest);
      // Up to version 2 a sequence in a closed hole was recorded again, which broke the order of the runs and lost others.
      if (version < EVICTED_ONCE_VERSION || !this.isEvicted(oldest)) this.#evict(oldest, sessionEvictedRunsMax);
    }
  }

  /** Restores the runs of a checkpoint. */
  restoreEvicted(runs: number[]): void {
    this.#evicted = runs;
  }

  #drop(sequence: number): void {
    const reply = this.#replies.get(sequence);
    if (reply === undefined) return;
    this.#replies.delete(sequence);
    this.#replyBytes -= reply.length;
  }

  #evict(sequence: number, runsMax: number): void {
    const runs = this.#evicted;
    // The run before the sequence; nearly always the last one.
    let at = runs.length;
    while (at > 0 && (runs[at - 2] as number) > sequence) at -= 2;
    const extendsLeft = at > 0 && runs[at - 1] === sequence - 1;
    const extendsRight = at < runs.length && runs[at] === sequence + 1;
    if (extendsLeft && extendsRight) runs.splice(at - 1, 2);
    else if (extendsLeft) runs[at - 1] = sequence;
    else if (extendsRight) runs[at] = sequence;
    else runs.splice(at, 0, sequence, sequence);
    // Too many holes: the lowest one closes. A request in it is rejected, never executed twice.
    if (runs.length > 2 * runsMax) runs.splice(1, 2);
  }
}

/** All sessions, ordered by their latest request. */
export class SessionTable {
  readonly #byClient = new Map<number, Session>();
  #oldest: Session | undefined;
  #newest: Session | undefined;
  #touches = 0;
  readonly #onDropped: (session: Session) => void;
  readonly #bounds: StateBounds;

  constructor(onDropped: (session: Session) => void, bounds: StateBounds = STATE_BOUNDS) {
    this.#onDropped = onDropped;
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#byClient.size;
  }

  /** When the longest idle session ends, in log time; infinity if there is none. */
  get nextEndMs(): number {
    return this.#oldest === undefined ? Number.POSITIVE_INFINITY : this.#oldest.lastMs + this.#bounds.sessionIdleMsMax;
  }

  get touches(): number {
    return this.#touches;
  }

  get(client: number): Session | undefined {
    return this.#byClient.get(client);
  }

  /** Whether a session remembers that it executed this request. */
  isExecuted(client: number, sequence: number): boolean {
    const session = this.#byClient.get(client);
    return session !== undefined && (session.replyTo(sequence) !== undefined || session.isEvicted(sequence));
  }

  /** Whether a session has acknowledged the reply to this request. */
  isAcknowledged(client: number, sequence: number): boolean {
    return sequence < (this.#byClient.get(client)?.acknowledgedBelow ?? 0);
  }

  /** Begins a session for a client that has none; at the limit it drops the longest idle one. */
  open(client: number): Session {
    if (this.#byClient.size >= this.#bounds.sessionsMax && this.#oldest !== undefined) this.#drop(this.#oldest);
    const session = new Session(client);
    this.#byClient.set(client, session);
    this.#append(session);
    return session;
  }

  /** The session received a request. */
  touch(session: Session, nowMs: number): void {
    this.#touches += 1;
    session.touchOrder = this.#touches;
    session.lastMs = nowMs;
    if (session === this.#newest) return;
    this.#unlink(session);
    this.#append(session);
  }

  /** Drops the sessions that were idle too long; reads no others. */
  expire(nowMs: number): void {
    while (this.#oldest !== undefined && this.nextEndMs <= nowMs) this.#drop(this.#oldest);
  }

  /** From the longest idle one to the one with the latest request. */
  *sessions(): Generator<Session> {
    for (let session = this.#oldest; session !== undefined; session = session.newer) yield session;
  }

  /** Restores the sessions of a checkpoint; only while empty. */
  restore(sessions: Session[], touches: number): void {
    this.#touches = touches;
    for (const session of sessions.sort((a, b) => a.touchOrder - b.touchOrder)) {
      this.#byClient.set(session.client, session);
      this.#append(session);
    }
  }

  #drop(session: Session): void {
    this.#byClient.delete(session.client);
    this.#unlink(session);
    this.#onDropped(session);
  }

  #append(session: Session): void {
    session.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = session;
    else this.#newest.newer = session;
    this.#newest = session;
  }

  #unlink(session: Session): void {
    if (session.older === undefined) this.#oldest = session.newer;
    else session.older.newer = session.newer;
    if (session.newer === undefined) this.#newest = session.older;
    else session.newer.older = session.older;
    session.older = undefined;
    session.newer = undefined;
  }
}
