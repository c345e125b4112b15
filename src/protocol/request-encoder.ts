import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { type Arguments, COMMANDS, type CommandName, rowOfCommand, SELECT_QUEUE_CODE } from './commands.ts';
import { type Deduplication, writeDeduplicationHead } from './deduplication.ts';
import { type WrittenFlowJob, writeFlow } from './flow.ts';
import { CLIENT_ID_END } from './limits.ts';
import { BACKOFF_TYPES, type BackoffType, isSamePolicy, layoutOfPolicy, POLICY_DEFAULTS, type Policy, writePolicy } from './policy.ts';
import { type SchedulerTimes, writeSchedulerHead } from './scheduler.ts';

/**
 * A request: one batch of operations of one client. Little-endian.
 * ```
 * header      [f64 client][f64 sequence][f64 acknowledgedBelow][u32 operations]
 * use-queue   [1][text name]                not counted; selects the queue of the operations behind it that need one
 * use-policy  [u8 code] of a layout in policy.ts, and its fields     not counted; for the adds behind it
 * operation   [u8 code] and the fields of its row in commands.ts
 * ```
 */

/** The client of requests of a node itself, outside of any session: they may be executed twice, and no reply is sent. */
export const NO_CLIENT = 0;
/** Session ids are below this number, and the random numbers of openings at or above it, so that they never collide. */
export const SESSION_ID_END = 2 ** 51;

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
  /** A limit of the rate of the queue, while claims bring it. Default: none. */
  readonly limiter?: { readonly max: number; readonly durationMs: number } | undefined;
}

/** The options of an add: its own fields, and the policy, with its backoff as one value. */
export interface AddOptions extends Omit<Policy, 'backoff' | 'backoffMs'> {
  /** An id that the client chose. Default: one that the queue gives. */
  readonly customId?: string | undefined;
  /** How the add is deduplicated. Default: not at all. */
  readonly deduplication?: Deduplication | undefined;
  /** How long the job stays delayed before it is waiting; 0 for at once. */
  readonly delayMs: number;
  /** 0 is served first, then 1 up to 2^21 in ascending order. */
  readonly priority: number;
  /** The pause before a retry; `exponential` doubles it at every attempt, up to one day. */
  readonly backoff: { readonly type: BackoffType; readonly delayMs: number };
}

/** A job scheduler, without what its jobs have. */
export interface SchedulerOptions extends SchedulerTimes {
  /** The id that the client chose. */
  readonly scheduler: string;
  /** Its first tick is now, before those of its times. */
  readonly isImmediate: boolean;
}

const { backoff: _type, backoffMs: _delayMs, ...DEFAULTS } = POLICY_DEFAULTS;
/** An add without options. */
export const ADD_DEFAULTS: AddOptions = Object.freeze({
  delayMs: 0,
  priority: 0,
  backoff: Object.freeze({ type: 'none', delayMs: 0 }),
  ...DEFAULTS,
});

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
  #policy: Policy | undefined;
  /** The options that the policy was taken from: callers mostly pass the same object again. */
  #options: AddOptions | undefined;

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
    this.#policy = undefined;
    this.#options = undefined;
  }

  /** Any operation but `add`. Values are written as they are. */
  command<Name extends Exclude<CommandName, 'add'>>(name: Name, args: Arguments<Name>): void {
    const row = rowOfCommand(name);
    // The only cast: the type of `args` is derived from the row.
    const values = args as Readonly<Record<string, unknown>>;
    if (row.needs !== 'nothing') this.#useQueue(values.queue as string);
    this.#begin(row.code);
    for (const field of row.fieldList) field.field.write(this.#to, values[field.name]);
  }

  /** @param payload opaque to the queue; at most the node's `payloadBytesMax`. */
  add(queue: string, payload: Uint8Array, options: AddOptions): void {
    this.#useQueue(queue);
    this.#usePolicy(options);
    const { customId, deduplication } = options;
    if (deduplication !== undefined) {
      this.#addDeduplicated(payload, options, deduplication);
      return;
    }
    this.#begin(customId === undefined ? COMMANDS.add.code : COMMANDS.addWithId.code);
    this.#to.f64(options.delayMs);
    this.#to.u32(options.priority);
    if (customId === undefined) this.#to.blob(payload);
    else this.#idAndPayload(customId, payload);
  }

  /** Takes waiting jobs, each under a lease. Up to `beginMax` of those that never stalled begin; the others are claimed ahead. */
  claim(queue: string, { countMax, beginMax, leaseMs, waitMs, stalledMax, holder, limiter }: ClaimOptions): void {
    this.#useQueue(queue);
    this.#begin(limiter === undefined ? COMMANDS.claim.code : COMMANDS.claimLimited.code);
    this.#to.u32(countMax);
    this.#to.u32(beginMax);
    this.#to.f64(leaseMs);
    this.#to.f64(waitMs);
    this.#to.u32(stalledMax);
    this.#to.f64(holder);
    if (limiter === undefined) return;
    this.#to.u32(limiter.max);
    this.#to.f64(limiter.durationMs);
  }

  /** @param payload of each job; at most `SCHEDULER_PAYLOAD_BYTES_MAX`. @param options of each job; without a delay. */
  upsertScheduler(queue: string, scheduler: SchedulerOptions, payload: Uint8Array, options: AddOptions): void {
    this.#useQueue(queue);
    this.#usePolicy(options);
    this.#begin(COMMANDS.upsertScheduler.code);
    const { fieldList } = rowOfCommand('upsertScheduler');
    // The only cast: the fields are those of SchedulerOptions, and the priority.
    const values = { ...scheduler, priority: options.priority } as Readonly<Record<string, unknown>>;
    for (const { name, field } of fieldList) if (!field.isVariable) field.write(this.#to, values[name]);
    const lengthAt = this.#to.reserve(4);
    writeSchedulerHead(this.#to, scheduler);
    this.#to.raw(payload);
    this.#to.patchU32(lengthAt, this.#to.length - lengthAt - 4);
  }

  /** Trees of jobs; see {@link writeFlow} for their order. */
  addFlow(jobs: readonly WrittenFlowJob[]): void {
    this.#begin(COMMANDS.addFlow.code);
    const lengthAt = this.#to.reserve(4);
    writeFlow(this.#to, jobs);
    this.#to.patchU32(lengthAt, this.#to.length - lengthAt - 4);
  }

  complete(jobId: number, token: number, result: Uint8Array): void {
    this.#begin(COMMANDS.complete.code);
    this.#to.f64(jobId);
    this.#to.f64(token);
    this.#to.blob(result);
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

  #addDeduplicated(payload: Uint8Array, options: AddOptions, deduplication: Deduplication): void {
    const { id, ttlMs, isExtending, isReplacing, keepsLast } = deduplication;
    this.#begin(COMMANDS.addDeduplicated.code);
    this.#to.f64(options.delayMs);
    this.#to.u32(options.priority);
    this.#to.f64(ttlMs);
    for (const isSet of [isExtending, isReplacing, keepsLast]) this.#to.u8(isSet ? 1 : 0);
    const lengthAt = this.#to.reserve(4);
    writeDeduplicationHead(this.#to, { deduplicationId: id, customId: options.customId ?? '' });
    this.#to.raw(payload);
    this.#to.patchU32(lengthAt, this.#to.length - lengthAt - 4);
  }

  #idAndPayload(customId: string, payload: Uint8Array): void {
    const lengthAt = this.#to.reserve(4);
    this.#to.text(customId);
    this.#to.raw(payload);
    this.#to.patchU32(lengthAt, this.#to.length - lengthAt - 4);
  }

  #begin(code: number): void {
    this.#operations += 1;
    this.#to.u8(code);
  }

  #useQueue(queue: string): void {
    if (this.#queue === queue) return;
    this.#queue = queue;
    this.#to.u8(SELECT_QUEUE_CODE);
    this.#to.text(queue);
  }

  #usePolicy(options: AddOptions): void {
    if (options === this.#options) return;
    this.#options = options;
    const policy = policyOf(options);
    if (this.#policy !== undefined && isSamePolicy(this.#policy, policy)) return;
    this.#policy = policy;
    const layout = layoutOfPolicy(policy);
    this.#to.u8(layout.code);
    writePolicy(this.#to, policy, layout);
  }
}

export const policyOf = ({ backoff, customId: _, deduplication: __, ...shared }: AddOptions): Policy => ({
  ...shared,
  backoff: BACKOFF_TYPES.indexOf(backoff.type),
  backoffMs: backoff.delayMs,
});

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
