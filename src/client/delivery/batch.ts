import type { Outcome } from '../../base/errors.ts';
import type { MemoryRelease } from '../../base/memory-release.ts';
import type { ReadConsistency, RejectionCode } from '../../protocol/client-frame.ts';
import { operationEnds, pickOperations } from '../../protocol/pick-operations.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import { HEADER_BYTES } from '../../protocol/request-encoder.ts';
import { LeaseLostError } from '../errors.ts';
import { isLeaseGone } from '../result-errors.ts';
import { packetOf } from './connection.ts';
import { deliver, fail } from './deliver.ts';
import { isRepeated, type PendingOperation } from './pending-operation.ts';

/** The special properties of a batch. */
export interface BatchKind {
  /** How long the node may hold it (waiting claims). */
  readonly waitMs?: number;
  readonly isOpening?: boolean;
  /** It only reads, and does not go through the log. */
  readonly consistency?: ReadConsistency;
  /** Its operations, all of them kept calls, were sent before in a session that has expired, and have no reply. */
  readonly mayHaveTakenEffect?: boolean;
}

export interface BatchParts {
  /** The bytes are copied. */
  readonly request: Uint8Array;
  /** One for each operation. */
  readonly calls: PendingOperation[];
  /** How many of the calls are kept ones, and the bytes of their operations. */
  readonly kept: number;
  readonly keptBytes: number;
}

/** How fast a large request travels at least, also on a busy machine. Each sending of it is given twice the time, up to this many times. */
const BYTES_PER_MS = 8 * 1024;
const DOUBLINGS_MAX = 5;

/** The order of a batch that was never sent. */
const NEVER_SENT = Number.POSITIVE_INFINITY;

/**
 * One request: its packet and the calls that await its results. The header (client, sequence, acknowledgedBelow) is
 * written when it is first sent; from then on the bytes never change, so that a repetition is recognised.
 */
export class Batch {
  readonly packet: Uint8Array;
  /** When its calls are given up, on the monotonic clock: one time for all, issued close together. Kept calls have their own time. */
  deadlineMs: number;
  /** How long the node may hold it (waiting claims); zero for all others. */
  readonly waitMs: number;
  readonly isOpening: boolean;
  /** It only reads: it never takes effect. */
  readonly isRead: boolean;
  /** Any node may reply to it, with or without a leader. */
  readonly isStale: boolean;
  readonly mayHaveTakenEffect: boolean;
  /** Whether its calls count towards the client's bounds, and are awaited when it closes. */
  readonly isCounted: boolean;
  readonly #kind: BatchKind;
  readonly #headerAt: number;
  /** Undefined at the place of a call that was rejected while others of the batch continue. */
  readonly #calls: (PendingOperation | undefined)[];
  /** Calls without a reply or rejection, by kind. */
  #ordinary: number;
  #kept: number;
  #countedBytes: number;
  #keptDueMs = Number.NEGATIVE_INFINITY;
  /** What gives the packet's memory back, unless a channel may still read it. */
  #memory: MemoryRelease | undefined;
  #isHeld = false;

  /** Its position among the batches of its session queue, by first sending. */
  order = NEVER_SENT;
  /** The session in which it is sent, by its id or the number of its opening; zero until it is first sent. */
  client = 0;
  sequence = 0;
  /** Sends that may have taken effect: all except those rejected as not applied. */
  uncertainSends = 0;
  sends = 0;
  /** The node it was last sent to. */
  node = 0;
  sentAtMs = 0;
  /** It must be sent again as soon as there is a node to send it to. */
  needsSend = true;
  /** For a waiting claim: its worker no longer wants it, and the node that holds it must reply at once. */
  isCancelled = false;
  /** When a node that is overloaded, or cannot hold the claim, may be asked again. */
  retryAtMs = Number.POSITIVE_INFINITY;
  /** The last rejection by a node. */
  rejection: { readonly code: RejectionCode; readonly message: string } | undefined;

  constructor(parts: BatchParts, deadlineMs: number, kind: BatchKind = {}) {
    const { request, calls, kept, keptBytes } = parts;
    const { consistency } = kind;
    this.packet = packetOf(consistency === undefined ? { type: 'request', request } : { type: 'query', consistency, request });
    this.#kind = kind;
    this.isRead = consistency !== undefined;
    this.isStale = consistency === 'stale';
    this.#headerAt = this.packet.length - request.length;
    this.#calls = calls;
    this.#ordinary = calls.length - kept;
    this.#kept = kept;
    this.#countedBytes = this.#ordinary === 0 ? 0 : this.packet.length - keptBytes;
    this.deadlineMs = deadlineMs;
    this.waitMs = kind.waitMs ?? 0;
    this.isOpening = kind.isOpening ?? false;
    this.mayHaveTakenEffect = kind.mayHaveTakenEffect ?? false;
    this.isCounted = this.waitMs === 0 && !this.isOpening;
  }

  get operations(): number {
    return this.#calls.length;
  }

  /** Calls that are bounded by `deadlineMs` and have no reply or rejection. */
  get ordinary(): number {
    return this.#ordinary;
  }

  /** Kept calls without a reply or rejection. */
  get kept(): number {
    return this.#kept;
  }

  get countedBytes(): number {
    return this.#countedBytes;
  }

  get wasSent(): boolean {
    return this.order !== NEVER_SENT;
  }

  /** Whether its calls may have taken effect. */
  get outcome(): Outcome {
    return !this.isRead && (this.uncertainSends > 0 || this.mayHaveTakenEffect) ? 'unknown' : 'not-applied';
  }

  /** The request as sent. */
  get request(): Uint8Array {
    return this.packet.subarray(this.#headerAt);
  }

  /**
   * When the time of the first kept call is over, unless an outage prolongs it; infinity without kept calls.
   * @param nowMs a time before this is read again, since leases are extended.
   */
  keptDueMs(nowMs: number): number {
    if (this.#kept === 0) return Number.POSITIVE_INFINITY;
    if (this.#keptDueMs <= nowMs) {
      let untilMs = Number.POSITIVE_INFINITY;
      for (const call of this.#calls) if (call !== undefined && isRepeated(call)) untilMs = Math.min(untilMs, call.untilMs());
      this.#keptDueMs = Math.max(untilMs, this.deadlineMs);
    }
    return this.#keptDueMs;
  }

  /** When its node counts as silent. */
  silentAtMs(silenceMs: number): number {
    return this.sentAtMs + (this.isCancelled ? 0 : this.waitMs) + silenceMs + this.#travelMs;
  }

  /** Whether its last sending may still be in transit: a large one that is sent again meanwhile arrives later, not earlier. */
  isTravelling(nowMs: number): boolean {
    return !this.needsSend && nowMs < this.sentAtMs + this.#travelMs;
  }

  /** Zero for a small request. */
  get #travelMs(): number {
    return Math.floor(this.packet.length / BYTES_PER_MS) * 2 ** Math.min(Math.max(this.sends - 1, 0), DOUBLINGS_MAX);
  }

  /** Its unanswered calls that are at none of these places, as a replacement batch; undefined if there are none. */
  without(places: ReadonlySet<number>): Batch | undefined {
    const ends = operationEnds(this.request);
    const picked: number[] = [];
    const calls: PendingOperation[] = [];
    let kept = 0;
    let keptBytes = 0;
    for (const [at, call] of this.pending()) {
      if (places.has(at)) continue;
      picked.push(at);
      calls.push(call);
      if (!isRepeated(call)) continue;
      kept += 1;
      keptBytes += (ends[at] ?? 0) - (ends[at - 1] ?? HEADER_BYTES);
    }
    if (calls.length === 0) return undefined;
    const parts = { request: pickOperations(this.request, picked), calls, kept, keptBytes };
    const rest = new Batch(parts, this.deadlineMs, this.#kind);
    rest.order = this.order;
    return rest;
  }

  /** Writes the header; see the layout in src/protocol/request-encoder.ts. */
  assignSequence(client: number, sequence: number, acknowledgedBelow: number): void {
    this.client = client;
    this.sequence = sequence;
    const view = new DataView(this.packet.buffer, this.packet.byteOffset + this.#headerAt);
    view.setFloat64(0, client, true);
    view.setFloat64(8, sequence, true);
    view.setFloat64(16, acknowledgedBelow, true);
  }

  /** Clears the header. Only for a batch that certainly did not take effect. */
  clearSequence(): void {
    this.client = 0;
    this.sequence = 0;
    this.uncertainSends = 0;
    this.needsSend = true;
    this.retryAtMs = Number.POSITIVE_INFINITY;
  }

  /** The calls without a reply or rejection, and their places in the request. */
  *pending(): Generator<readonly [at: number, call: PendingOperation]> {
    for (let at = 0; at < this.#calls.length; at += 1) {
      const call = this.#calls[at];
      if (call !== undefined) yield [at, call];
    }
  }

  /** @param memory what gives the packet's memory back; undefined for a channel that may read it later. */
  sentOn(memory: MemoryRelease | undefined): void {
    if (memory === undefined) this.#isHeld = true;
    this.#memory = memory;
  }

  /** No call waits any longer: it is not sent again. */
  completed(): void {
    if (!this.#isHeld && this.#memory !== undefined && this.packet.length >= this.#memory.bytesMin)
      this.#memory.release(this.packet.buffer);
    this.#memory = undefined;
    this.#ordinary = 0;
    this.#kept = 0;
    this.#countedBytes = 0;
  }

  /** @param results one for each operation. */
  complete(results: readonly OperationResult[]): void {
    const calls = this.#calls;
    for (let at = 0; at < calls.length; at += 1) {
      const call = calls[at];
      if (call !== undefined) this.#completeOne(call, results[at] as OperationResult);
    }
  }

  /**
   * Completes some of the calls; the others continue. Only for queries: none of their calls is a kept one.
   * @returns how many of them had no reply before.
   */
  completeFrom(first: number, results: readonly OperationResult[]): number {
    let answered = 0;
    for (const [offset, result] of results.entries()) {
      const call = this.#calls[first + offset];
      if (call === undefined) continue;
      this.#calls[first + offset] = undefined;
      answered += 1;
      this.#ordinary -= 1;
      deliver(call, result);
    }
    return answered;
  }

  /** The waiting claim has certainly taken nothing. */
  completeWithoutJobs(): void {
    this.completed();
    this.complete([{ ok: true, type: 'claimed', jobs: [] }]);
  }

  /** Rejects one call; the others continue. */
  failAt(at: number, error: Error): void {
    const call = this.#calls[at];
    if (call === undefined) return;
    this.#calls[at] = undefined;
    if (isRepeated(call)) {
      this.#kept -= 1;
      this.#keptDueMs = Number.NEGATIVE_INFINITY;
    } else {
      this.#ordinary -= 1;
    }
    fail(call, error);
  }

  /** Rejects all calls except the kept ones. @param successor receives the results in place of a rejected call. */
  failOrdinary(error: Error, successor: (call: PendingOperation) => PendingOperation | undefined): void {
    const calls = this.#calls;
    this.#ordinary = 0;
    this.#countedBytes = 0;
    for (let at = 0; at < calls.length; at += 1) {
      const call = calls[at];
      if (call === undefined || isRepeated(call)) continue;
      calls[at] = successor(call);
      fail(call, error);
    }
  }

  /** Rejects all calls. */
  fail(error: Error): void {
    this.completed();
    for (const call of this.#calls) if (call !== undefined) fail(call, error);
  }

  #completeOne(call: PendingOperation, result: OperationResult): void {
    if (this.mayHaveTakenEffect && !result.ok && isRepeated(call) && call.endsLease && isLeaseGone(result.code)) {
      fail(call, new LeaseLostError(result.job ?? 0, 'unknown'));
    } else {
      deliver(call, result);
    }
  }
}
