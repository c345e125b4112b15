import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { CLIENT_ID_END } from './limits.ts';

/**
 * A request: one batch of operations of one client. Little-endian.
 * ```
 * header     [f64 client][f64 sequence][f64 acknowledgedBelow][u32 operations]
 * use-queue  [1][text name]                              not counted; selects the queue of add, claim, counts, retry and remove behind it
 * use-policy [2][u32 attemptsMax][u8 backoff][f64 backoffMs][i32 keepCompleted][i32 keepFailed]  not counted; for the adds behind it
 * open       [3]                                         alone in its request, which names a random number as client and sequence 1
 * add        [4][f64 delayMs][u32 priority][blob payload]
 * extend     [6][f64 job][f64 token][f64 leaseMs]
 * complete   [7][f64 job][f64 token][blob result]
 * fail       [8][f64 job][f64 token][u8 retry][text reason]
 * release    [9][f64 job][f64 token]
 * counts     [10]
 * get-job    [11][f64 job]
 * claim      [14][u32 countMax][u32 beginMax][f64 leaseMs][f64 waitMs][u32 stalledMax][f64 holder]
 * begin      [15][f64 job][f64 token]
 * retry      [16][f64 job]                               of the selected queue, as remove
 * remove     [17][f64 job]
 * release-holder [18][f64 holder]
 * ```
 * Of queries only, never in the log:
 * ```
 * held-jobs  [19][f64 holder][u32 countMax]              jobs under leases of this holder
 * ```
 * Of state-machine version 1 only, in logs that were written by it:
 * ```
 * claim      [5][u32 countMax][f64 leaseMs][f64 waitMs]
 * retry      [12][f64 job]                               of any queue, as remove
 * remove     [13][f64 job]
 * ```
 */
export const OperationCode = Object.freeze({
  useQueue: 1,
  usePolicy: 2,
  openSession: 3,
  add: 4,
  claim1: 5,
  extend: 6,
  complete: 7,
  fail: 8,
  release: 9,
  counts: 10,
  getJob: 11,
  retry1: 12,
  remove1: 13,
  claim: 14,
  begin: 15,
  retry: 16,
  remove: 17,
  releaseHolder: 18,
  heldJobs: 19,
});

/** The client of requests of a node itself, outside of any session: they may be executed twice, and no reply is sent. */
export const NO_CLIENT = 0;
/** Session ids are below this number, and the random numbers of openings at or above it, so that they never collide. */
export const SESSION_ID_END = 2 ** 51;

export const BACKOFF_TYPES = ['none', 'fixed', 'exponential'] as const;
export type BackoffType = (typeof BACKOFF_TYPES)[number];

export interface ClaimOptions {
  /** Most jobs, from 1 on. */
  readonly countMax: number;
  /** How many of them begin with the reply, at most; the others are claimed ahead. */
  readonly beginMax: number;
  readonly leaseMs: number;
  /** How long the node may hold the request until a job is there; only for a request of this single operation. */
  readonly waitMs: number;
  /** How often the job may stall (be begun under a lease that then expires) before it fails. */
  readonly stalledMax: number;
  /** The process that holds the leases; 0 when it has no id. */
  readonly holder: number;
}

export interface AddOptions {
  /** How long the job stays delayed before it is waiting; 0 for at once. */
  readonly delayMs: number;
  /** 0 is served first, then 1 up to 2^21 in ascending order. */
  readonly priority: number;
  /** Attempts before the job is failed for good, at least 1. */
  readonly attemptsMax: number;
  /** The pause before a retry; `exponential` doubles it at every attempt, up to one day. */
  readonly backoff: { readonly type: BackoffType; readonly delayMs: number };
  /** How many completed jobs of the queue are kept, the newest; 0 none, -1 all. */
  readonly keepCompleted: number;
  /** Likewise for failed jobs. */
  readonly keepFailed: number;
}

/** Offset of the number of operations in the header. */
export const COUNT_AT = 24;
export const HEADER_BYTES = 28;

/** The client and the number of a request. */
export interface RequestHeader {
  readonly client: number;
  readonly sequence: number;
  /** The client has a reply to every sequence below, or has given it up. */
  readonly acknowledgedBelow: number;
  readonly operations: number;
}

/**
 * Builds one request after the other in the same memory. Values are written as they are: `validateRequest` at the node
 * rejects invalid ones.
 */
export class RequestEncoder {
  readonly #to: ByteWriter;
  #operations = 0;
  #queue: string | undefined;
  #hasPolicy = false;
  #attemptsMax = 0;
  #backoffType: BackoffType = 'none';
  #backoffMs = 0;
  #keepCompleted = 0;
  #keepFailed = 0;

  constructor(capacityBytes = 4096) {
    this.#to = new ByteWriter(capacityBytes);
  }

  get operations(): number {
    return this.#operations;
  }

  /** Size of the request so far. */
  get bytes(): number {
    return this.#to.length;
  }

  /**
   * Starts a request and drops an unfinished one.
   * @param client the client's id, an integer in [1, 2^52).
   * @param sequence from 1 on; a request is only ever repeated with the same bytes.
   * @param acknowledgedBelow the client has a reply to every sequence below it, or has given it up; at most `sequence`.
   */
  begin(client: number, sequence: number, acknowledgedBelow: number): void {
    this.#to.reset();
    this.#to.f64(client);
    this.#to.f64(sequence);
    this.#to.f64(acknowledgedBelow);
    this.#to.u32(0);
    this.#operations = 0;
    this.#queue = undefined;
    this.#hasPolicy = false;
  }

  /** Registers the client. It is first in the client's first request; no other request is sent before its reply. */
  openSession(): void {
    this.#begin(OperationCode.openSession);
  }

  /** @param payload opaque to the queue; at most the node's `payloadBytesMax`. */
  add(queue: string, payload: Uint8Array, options: AddOptions): void {
    this.#useQueue(queue);
    this.#usePolicy(options);
    this.#begin(OperationCode.add);
    this.#to.f64(options.delayMs);
    this.#to.u32(options.priority);
    this.#to.blob(payload);
  }

  /** Takes waiting jobs, each under a lease. Up to `beginMax` of those that never stalled begin; see {@link markBegun} for the others. */
  claim(queue: string, { countMax, beginMax, leaseMs, waitMs, stalledMax, holder }: ClaimOptions): void {
    this.#useQueue(queue);
    this.#begin(OperationCode.claim);
    this.#to.u32(countMax);
    this.#to.u32(beginMax);
    this.#to.f64(leaseMs);
    this.#to.f64(waitMs);
    this.#to.u32(stalledMax);
    this.#to.f64(holder);
  }

  /** A job that was claimed ahead begins: a lease that expires from now on counts a stall. `complete` and `fail` imply it. */
  markBegun(jobId: number, token: number): void {
    this.#begin(OperationCode.begin);
    this.#to.f64(jobId);
    this.#to.f64(token);
  }

  /** The lease then ends `leaseMs` after the log's time of this request. */
  extend(jobId: number, token: number, leaseMs: number): void {
    this.#begin(OperationCode.extend);
    this.#to.f64(jobId);
    this.#to.f64(token);
    this.#to.f64(leaseMs);
  }

  complete(jobId: number, token: number, result: Uint8Array): void {
    this.#begin(OperationCode.complete);
    this.#to.f64(jobId);
    this.#to.f64(token);
    this.#to.blob(result);
  }

  /** @param retry false fails the job for good even if it has attempts left. */
  fail(jobId: number, token: number, reason: string, retry: boolean): void {
    this.#begin(OperationCode.fail);
    this.#to.f64(jobId);
    this.#to.f64(token);
    this.#to.u8(retry ? 1 : 0);
    this.#to.text(reason);
  }

  /** Gives a claimed job back; the attempt is not charged. */
  release(jobId: number, token: number): void {
    this.#begin(OperationCode.release);
    this.#to.f64(jobId);
    this.#to.f64(token);
  }

  counts(queue: string): void {
    this.#useQueue(queue);
    this.#begin(OperationCode.counts);
  }

  getJob(jobId: number): void {
    this.#begin(OperationCode.getJob);
    this.#to.f64(jobId);
  }

  /** A failed job of this queue becomes waiting again, with all its attempts. */
  retry(queue: string, jobId: number): void {
    this.#useQueue(queue);
    this.#begin(OperationCode.retry);
    this.#to.f64(jobId);
  }

  /** Removes a job of this queue that is not active. */
  remove(queue: string, jobId: number): void {
    this.#useQueue(queue);
    this.#begin(OperationCode.remove);
    this.#to.f64(jobId);
  }

  /**
   * The process that held these leases is gone: all of them end now, at once. If there are more than {@link DUE_PER_ENTRY_MAX}, shorten the
   * others by {@link extend} first.
   */
  releaseHolder(holder: number): void {
    this.#begin(OperationCode.releaseHolder);
    this.#to.f64(holder);
  }

  /** Only in a query: the jobs that this holder has under a lease, and their tokens. */
  heldJobs(holder: number, countMax: number): void {
    this.#begin(OperationCode.heldJobs);
    this.#to.f64(holder);
    this.#to.u32(countMax);
  }

  /** @returns the request's bytes, in memory that is not shared. */
  finish(): Uint8Array {
    return this.finishedView().slice();
  }

  /** @returns a view of the request's bytes, valid until the next request begins. */
  finishedView(): Uint8Array {
    this.#to.patchU32(COUNT_AT, this.#operations);
    return this.#to.view();
  }

  #begin(code: number): void {
    this.#operations += 1;
    this.#to.u8(code);
  }

  #useQueue(queue: string): void {
    if (this.#queue === queue) return;
    this.#queue = queue;
    this.#to.u8(OperationCode.useQueue);
    this.#to.text(queue);
  }

  #usePolicy(options: AddOptions): void {
    const { attemptsMax, backoff, keepCompleted, keepFailed } = options;
    if (
      this.#hasPolicy &&
      this.#attemptsMax === attemptsMax &&
      this.#backoffType === backoff.type &&
      this.#backoffMs === backoff.delayMs &&
      this.#keepCompleted === keepCompleted &&
      this.#keepFailed === keepFailed
    ) {
      return;
    }
    this.#hasPolicy = true;
    this.#attemptsMax = attemptsMax;
    this.#backoffType = backoff.type;
    this.#backoffMs = backoff.delayMs;
    this.#keepCompleted = keepCompleted;
    this.#keepFailed = keepFailed;
    this.#to.u8(OperationCode.usePolicy);
    this.#to.u32(attemptsMax);
    this.#to.u8(BACKOFF_TYPES.indexOf(backoff.type));
    this.#to.f64(backoff.delayMs);
    this.#to.u32(keepCompleted);
    this.#to.u32(keepFailed);
  }
}

/** Reads a header at the reader's position. @throws {MalformedBytesError} when the bytes end within it. */
export function readRequestHeader(reader: ByteReader): RequestHeader {
  return { client: reader.f64(), sequence: reader.f64(), acknowledgedBelow: reader.f64(), operations: reader.u32() };
}

/** Whether the header names a client and a sequence that can receive a reply. */
export function isAddressable(header: RequestHeader): boolean {
  const { client, sequence, acknowledgedBelow } = header;
  return (
    Number.isInteger(client) &&
    client >= 1 &&
    client < CLIENT_ID_END &&
    Number.isSafeInteger(sequence) &&
    sequence >= 1 &&
    Number.isSafeInteger(acknowledgedBelow) &&
    acknowledgedBelow >= 0 &&
    acknowledgedBelow <= sequence
  );
}

/**
 * The sender of these bytes, or `undefined` if they are not even a header: then no client receives a reply.
 * Never throws.
 */
export function peekRequest(bytes: Uint8Array): { readonly client: number; readonly sequence: number } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const header = readRequestHeader(new ByteReader(bytes));
  return isAddressable(header) ? { client: header.client, sequence: header.sequence } : undefined;
}
