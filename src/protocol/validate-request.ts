import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { COMMANDS, type CommandRow } from './commands.ts';
import { InvalidOperationError } from './fields.ts';
import { OPERATIONS_MAX } from './limits.ts';
import { MACHINE_VERSION } from './machine-version.ts';
import { isAddressable, NO_CLIENT, type RequestHeader, readRequestHeader } from './request-encoder.ts';
import { OF_QUERIES, OperationReader } from './request-reader.ts';
import { faultInTimes, readSchedulerHead, type SchedulerTimes } from './scheduler.ts';
import { operationsOf, transactionIn } from './transaction.ts';

export interface RequestFault {
  readonly code: 'INVALID_REQUEST' | 'TOO_LARGE';
  /** The remedy. */
  readonly message: string;
  /** The positions of the invalid operations in the request, in ascending order; empty if the request as a whole is invalid. */
  readonly operations: readonly number[];
}

export interface RequestBounds {
  /** Most bytes of one payload or result. */
  readonly payloadBytesMax: number;
}

/** A claim in a request. */
export interface ClaimPlace {
  readonly queue: string;
  readonly countMax: number;
  /** Offset of its `countMax` in the request. */
  readonly countAt: number;
  /** How long it may wait for a job. */
  readonly waitMs: number;
}

/** A job scheduler that a request sets. */
export interface SchedulerPlace extends Pick<SchedulerTimes, 'pattern' | 'tz'> {
  /** The position of the operation in the request. */
  readonly operation: number;
}

/** What a node has to know of a request before it enters the log. */
export interface InspectedRequest {
  /** What is wrong with it. */
  readonly fault: RequestFault | undefined;
  /** Its claims, if nothing is wrong. */
  readonly claims: readonly ClaimPlace[];
  /** The claim of a request that is exactly one claim with a wait: it may wait until a job is there. */
  readonly waitingClaim: ClaimPlace | undefined;
  /** The job schedulers that it sets, if nothing is wrong. */
  readonly schedulers: readonly SchedulerPlace[];
}

const NO_CLAIMS: readonly ClaimPlace[] = [];
const NO_SCHEDULERS: readonly SchedulerPlace[] = [];

/**
 * Decodes a whole request once, before it enters the log, so that replicas apply only well-formed requests. Never throws.
 * @param version of the state machine that will execute it, ANY_VERSION where only the leader knows it, or OF_QUERIES.
 */
export function inspectRequest(bytes: Uint8Array, bounds: RequestBounds, version: number): InspectedRequest {
  try {
    return inspect(bytes, bounds, version);
  } catch (error) {
    if (error instanceof MalformedBytesError) return faulty(invalid(`${error.message} Encode requests with RequestEncoder.`));
    throw error;
  }
}

/** @returns what is wrong with a request, or `undefined`. Never throws. */
export const validateRequest = (bytes: Uint8Array, bounds: RequestBounds, version: number): RequestFault | undefined =>
  inspectRequest(bytes, bounds, version).fault;

/** Whether the request only reads and is well formed. @returns what is wrong with it, or `undefined`. Never throws. */
export const validateQuery = (bytes: Uint8Array): RequestFault | undefined =>
  validateRequest(bytes, { payloadBytesMax: Number.MAX_SAFE_INTEGER }, OF_QUERIES);

/** Whether this is a request of a node that only releases jobs. Never throws. */
export function isRelease(bytes: Uint8Array): boolean {
  try {
    const reader = new ByteReader(bytes);
    const { client, operations } = readRequestHeader(reader);
    if (client !== NO_CLIENT || operations < 1 || operations > OPERATIONS_MAX) return false;
    const operation = new OperationReader();
    for (let read = 0; read < operations; read += 1) {
      if (operation.next(reader, MACHINE_VERSION).name !== 'release') return false;
    }
    return reader.remaining === 0;
  } catch (error) {
    if (error instanceof InvalidOperationError || error instanceof MalformedBytesError) return false;
    throw error;
  }
}

/** Of the commands that carry a payload or a result, beside those that add a job. */
const PAYLOAD_CODES: readonly number[] = [COMMANDS.complete.code, COMMANDS.updateData.code];

const CLAIMS: readonly number[] = [COMMANDS.claim.code, COMMANDS.claim1.code, COMMANDS.claimLimited.code];
const isClaim = (code: number): boolean => CLAIMS.includes(code);

function inspect(bytes: Uint8Array, bounds: RequestBounds, version: number): InspectedRequest {
  const reader = new ByteReader(bytes);
  const header = readRequestHeader(reader);
  const inHeader = faultInHeader(header);
  if (inHeader !== undefined) return faulty(invalid(inHeader));
  const operation = new OperationReader();
  const claims: ClaimPlace[] = [];
  const schedulers: SchedulerPlace[] = [];
  const tooLarge: number[] = [];
  let bytesMax = 0;
  for (let read = 0; read < header.operations; read += 1) {
    let row: CommandRow;
    try {
      row = operation.next(reader, version);
    } catch (error) {
      // The position of the following operations is unknown.
      if (error instanceof InvalidOperationError) return faulty(invalid(error.message, [read]));
      throw error;
    }
    if (version === OF_QUERIES && row.writes)
      return faulty(invalid(`A query changes nothing, and ${row.name} does. Send it in a request.`, [read]));
    if (row.code === COMMANDS.transact.code) {
      const inTransaction = faultInTransaction(operation, bytes, bounds, version);
      if (inTransaction !== undefined) return faulty({ ...inTransaction, operations: [read] });
    }
    if (isClaim(row.code)) claims.push(claimIn(operation));
    if (row.code === COMMANDS.upsertScheduler.code) {
      const times = timesIn(operation, bytes);
      const inTimes = faultInTimes(times);
      if (inTimes !== undefined) return faulty(invalid(inTimes, [read]));
      schedulers.push({ ...times, operation: read });
    }
    // All jobs of a flow together are one payload: a packet of a client has space for one.
    if (!carriesPayload(row) || operation.blobLength <= bounds.payloadBytesMax) continue;
    tooLarge.push(read);
    bytesMax = Math.max(bytesMax, operation.blobLength);
  }
  if (tooLarge.length > 0) return faulty(tooLargeFault(tooLarge, bytesMax, bounds));
  if (reader.remaining > 0)
    return faulty(invalid(`${reader.remaining} bytes follow the last operation. Encode requests with RequestEncoder.`));
  const waitingClaim = header.operations === 1 && operation.waitMs > 0 ? claims[0] : undefined;
  return { fault: undefined, claims, waitingClaim, schedulers };
}

const carriesPayload = ({ permission, code }: CommandRow): boolean => permission === 'add' || PAYLOAD_CODES.includes(code);

/** @param bytes the whole request. */
function faultInTransaction(
  outer: OperationReader,
  bytes: Uint8Array,
  bounds: RequestBounds,
  version: number,
): Omit<RequestFault, 'operations'> | undefined {
  const operation = new OperationReader();
  let bytesMax = 0;
  try {
    for (const row of operationsOf(transactionIn(outer, bytes), operation, version))
      if (carriesPayload(row)) bytesMax = Math.max(bytesMax, operation.blobLength);
  } catch (error) {
    if (error instanceof InvalidOperationError || error instanceof MalformedBytesError)
      return { code: 'INVALID_REQUEST', message: error.message };
    throw error;
  }
  return bytesMax > bounds.payloadBytesMax ? tooLargeFault([], bytesMax, bounds) : undefined;
}

function faultInHeader(header: RequestHeader): string | undefined {
  if (!isAddressable(header))
    return 'The header is out of range. Use a client id in [1, 2^52), sequences from 1, and acknowledgedBelow at most the sequence.';
  if (header.operations < 1 || header.operations > OPERATIONS_MAX)
    return `The request has ${header.operations} operations. Send 1 to ${OPERATIONS_MAX}.`;
  return undefined;
}

const claimIn = ({ queueName, countMax, countAt, waitMs }: OperationReader): ClaimPlace => ({
  queue: queueName,
  countMax,
  countAt,
  waitMs,
});

/** @param bytes the whole request. */
function timesIn(operation: OperationReader, bytes: Uint8Array): SchedulerTimes {
  const { blobAt, blobLength, everyMs, offsetMs, startMs, endMs, ticksMax } = operation;
  const { pattern, tz } = readSchedulerHead(bytes.subarray(blobAt, blobAt + blobLength));
  return { everyMs, offsetMs, pattern, tz, startMs, endMs, ticksMax };
}

function tooLargeFault(operations: readonly number[], bytesMax: number, { payloadBytesMax }: RequestBounds): RequestFault {
  const message = `A payload has ${bytesMax} bytes, ${payloadBytesMax} are allowed. Store the data elsewhere and put its address into the job, or raise the cluster's limits.payloadBytesMax.`;
  return { code: 'TOO_LARGE', message, operations };
}

const faulty = (fault: RequestFault): InspectedRequest => ({
  fault,
  claims: NO_CLAIMS,
  waitingClaim: undefined,
  schedulers: NO_SCHEDULERS,
});

const invalid = (message: string, operations: readonly number[] = []): RequestFault => ({ code: 'INVALID_REQUEST', message, operations });
