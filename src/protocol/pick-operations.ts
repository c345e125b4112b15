import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { COUNT_AT, HEADER_BYTES, OperationCode, readRequestHeader } from '../protocol/request-encoder.ts';

/** Operations that need the selected queue; `add` needs the selected policy as well. */
const NEEDS_QUEUE: ReadonlySet<number> = new Set([
  OperationCode.add,
  OperationCode.claim,
  OperationCode.counts,
  OperationCode.retry,
  OperationCode.remove,
]);

/** Bytes of a policy behind its code. */
const POLICY_BYTES = 21;
/** Bytes behind an operation's code, without a text or blob at its end. Operations of version 1 alone are missing: clients send none. */
const FIXED_BYTES: ReadonlyMap<number, number> = new Map([
  [OperationCode.openSession, 0],
  [OperationCode.add, 12],
  [OperationCode.claim, 36],
  [OperationCode.extend, 24],
  [OperationCode.begin, 16],
  [OperationCode.complete, 16],
  [OperationCode.fail, 17],
  [OperationCode.release, 16],
  [OperationCode.counts, 0],
  [OperationCode.getJob, 8],
  [OperationCode.retry, 8],
  [OperationCode.remove, 8],
  [OperationCode.releaseHolder, 8],
  [OperationCode.heldJobs, 12],
]);
const ENDS_WITH_BYTES: ReadonlySet<number> = new Set([OperationCode.add, OperationCode.complete, OperationCode.fail]);

/** The bytes of one operation in the request: its selections are between `from` and `at`. */
interface OperationPlace {
  readonly code: number;
  readonly from: number;
  readonly at: number;
  readonly end: number;
}

/**
 * Where each operation of a request ends. Reads lengths only, so it also works for values that no node accepts.
 * @param request of RequestEncoder. @throws {MalformedBytesError}
 */
export const operationEnds = (request: Uint8Array): number[] => placesOf(request).map(({ end }) => end);

/**
 * Copies some operations of a request, with the queue and policy that they need.
 * @param request of RequestEncoder. @param picked positions of operations, in ascending order, at least one.
 * @returns another request. @throws {MalformedBytesError}
 */
export function pickOperations(request: Uint8Array, picked: readonly number[]): Uint8Array {
  const isPicked = new Set(picked);
  const to = new ByteWriter(request.length);
  to.raw(request.subarray(0, HEADER_BYTES));
  to.patchU32(COUNT_AT, picked.length);
  /** Selected since the last copied operation that needs them. */
  let queue: Uint8Array | undefined;
  let policy: Uint8Array | undefined;
  placesOf(request).forEach(({ code, from, at, end }, place) => {
    for (let start = from; start < at; ) {
      const selectionEnd = selectionEndAt(request, start);
      const selection = request.subarray(start, selectionEnd);
      if (request[start] === OperationCode.useQueue) queue = selection;
      else policy = selection;
      start = selectionEnd;
    }
    if (!isPicked.has(place)) return;
    if (queue !== undefined && NEEDS_QUEUE.has(code)) {
      to.raw(queue);
      queue = undefined;
    }
    if (policy !== undefined && code === OperationCode.add) {
      to.raw(policy);
      policy = undefined;
    }
    to.raw(request.subarray(at, end));
  });
  return to.copy();
}

function placesOf(request: Uint8Array): OperationPlace[] {
  const reader = new ByteReader(request);
  const { operations } = readRequestHeader(reader);
  const places: OperationPlace[] = [];
  while (places.length < operations) {
    const from = reader.position;
    let at = from;
    while (isSelection(request[at])) {
      at = selectionEndAt(request, at);
      reader.skip(at - reader.position);
    }
    const code = reader.u8();
    const fixedBytes = FIXED_BYTES.get(code);
    if (fixedBytes === undefined) throw new MalformedBytesError(`operation of code ${code}, which no client sends`);
    reader.skip(fixedBytes);
    if (ENDS_WITH_BYTES.has(code)) reader.skip(reader.u32());
    places.push({ code, from, at, end: reader.position });
  }
  return places;
}

const isSelection = (code: number | undefined): boolean => code === OperationCode.useQueue || code === OperationCode.usePolicy;

/** @param start where a `use-queue` or `use-policy` begins. */
function selectionEndAt(request: Uint8Array, start: number): number {
  const reader = new ByteReader(request, start);
  reader.skip(reader.u8() === OperationCode.useQueue ? reader.u32() : POLICY_BYTES);
  return reader.position;
}
