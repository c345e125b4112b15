import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { COMMANDS } from './commands.ts';
import { InvalidOperationError } from './fields.ts';
import { OPERATIONS_MAX } from './limits.ts';
import { MACHINE_VERSION } from './machine-version.ts';
import { isAddressable, NO_CLIENT, readRequestHeader } from './request-encoder.ts';
import { ANY_VERSION, OF_QUERIES, OperationReader } from './request-reader.ts';

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
}

/** A request of a single claim that may be parked until a job is there. */
export interface ParkableClaim {
  readonly queue: string;
  readonly waitMs: number;
  readonly countMax: number;
}

/**
 * Decodes a whole request before it enters the log, so that replicas apply only well-formed requests.
 * @param version of the state machine that will execute it, or ANY_VERSION where only the leader knows it.
 * @param claims receives the claims in the request.
 * @returns what is wrong with it, or `undefined`. Never throws.
 */
export function validateRequest(
  bytes: Uint8Array,
  bounds: RequestBounds,
  version: number,
  claims?: ClaimPlace[],
): RequestFault | undefined {
  try {
    return faultOf(bytes, bounds, version, claims);
  } catch (error) {
    if (error instanceof MalformedBytesError) return invalid(`${error.message} Encode requests with RequestEncoder.`);
    throw error;
  }
}

/** Whether the request only reads and is well formed. @returns what is wrong with it, or `undefined`. Never throws. */
export function validateQuery(bytes: Uint8Array): RequestFault | undefined {
  const fault = validateRequest(bytes, { payloadBytesMax: Number.MAX_SAFE_INTEGER }, OF_QUERIES);
  if (fault !== undefined) return fault;
  const reader = new ByteReader(bytes);
  const { operations } = readRequestHeader(reader);
  const operation = new OperationReader();
  for (let read = 0; read < operations; read += 1) {
    const { name, writes } = operation.next(reader, OF_QUERIES);
    if (writes) return invalid(`A query changes nothing, and ${name} does. Send it in a request.`, [read]);
  }
  return undefined;
}

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

/** The claim of a request that is exactly one claim with a wait, otherwise `undefined`. Never throws. */
export function parkableClaim(bytes: Uint8Array): ParkableClaim | undefined {
  try {
    const reader = new ByteReader(bytes);
    if (readRequestHeader(reader).operations !== 1) return undefined;
    const operation = new OperationReader();
    if (!isClaim(operation.next(reader, ANY_VERSION).code) || operation.waitMs === 0) return undefined;
    return { queue: operation.queueName, waitMs: operation.waitMs, countMax: operation.countMax };
  } catch (error) {
    if (error instanceof InvalidOperationError || error instanceof MalformedBytesError) return undefined;
    throw error;
  }
}

const isClaim = (code: number): boolean => code === COMMANDS.claim.code || code === COMMANDS.claim1.code;

function faultOf(bytes: Uint8Array, bounds: RequestBounds, version: number, claims: ClaimPlace[] | undefined): RequestFault | undefined {
  const reader = new ByteReader(bytes);
  const header = readRequestHeader(reader);
  if (!isAddressable(header)) {
    return invalid(
      'The header is out of range. Use a client id in [1, 2^52), sequences from 1, and acknowledgedBelow at most the sequence.',
    );
  }
  if (header.operations < 1 || header.operations > OPERATIONS_MAX) {
    return invalid(`The request has ${header.operations} operations. Send 1 to ${OPERATIONS_MAX}.`);
  }
  const operation = new OperationReader();
  const tooLarge: number[] = [];
  let bytesMax = 0;
  for (let read = 0; read < header.operations; read += 1) {
    try {
      operation.next(reader, version);
    } catch (error) {
      // The position of the following operations is unknown.
      if (error instanceof InvalidOperationError) return invalid(error.message, [read]);
      throw error;
    }
    if (isClaim(operation.code)) claims?.push({ queue: operation.queueName, countMax: operation.countMax, countAt: operation.countAt });
    const carriesPayload = operation.code === COMMANDS.add.code || operation.code === COMMANDS.complete.code;
    if (!carriesPayload || operation.blobLength <= bounds.payloadBytesMax) continue;
    tooLarge.push(read);
    bytesMax = Math.max(bytesMax, operation.blobLength);
  }
  if (tooLarge.length > 0) {
    const message = `A payload has ${bytesMax} bytes, ${bounds.payloadBytesMax} are allowed. Store the data elsewhere and put its address into the job, or raise the cluster's limits.payloadBytesMax.`;
    return { code: 'TOO_LARGE', message, operations: tooLarge };
  }
  if (reader.remaining > 0) return invalid(`${reader.remaining} bytes follow the last operation. Encode requests with RequestEncoder.`);
  return undefined;
}

const invalid = (message: string, operations: readonly number[] = []): RequestFault => ({ code: 'INVALID_REQUEST', message, operations });
