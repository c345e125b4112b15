import { ByteReader, ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { COMMAND_OF_CODE, type CommandRow, SELECT_QUEUE_CODE } from './commands.ts';
import { POLICY_LAYOUT_OF_CODE } from './policy.ts';
import { COUNT_AT, HEADER_BYTES, readRequestHeader } from './request-encoder.ts';

/** The bytes of one operation in the request: its selections are between `from` and `at`. */
interface OperationPlace {
  readonly row: CommandRow;
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
  placesOf(request).forEach(({ row, from, at, end }, place) => {
    for (let start = from; start < at; ) {
      const selectionEnd = selectionEndAt(request, start);
      const selection = request.subarray(start, selectionEnd);
      if (request[start] === SELECT_QUEUE_CODE) queue = selection;
      else policy = selection;
      start = selectionEnd;
    }
    if (!isPicked.has(place)) return;
    if (queue !== undefined && row.needs !== 'nothing') {
      to.raw(queue);
      queue = undefined;
    }
    if (policy !== undefined && row.needs === 'policy') {
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
    const row = COMMAND_OF_CODE[code];
    if (row === undefined) throw new MalformedBytesError(`operation of code ${code}, which no client sends`);
    reader.skip(row.fixedBytes);
    if (row.endsWithBytes) reader.skip(reader.u32());
    places.push({ row, from, at, end: reader.position });
  }
  return places;
}

const isSelection = (code = 0): boolean => code === SELECT_QUEUE_CODE || POLICY_LAYOUT_OF_CODE[code] !== undefined;

/** @param start where a `use-queue` or `use-policy` begins. */
function selectionEndAt(request: Uint8Array, start: number): number {
  const reader = new ByteReader(request, start);
  const layout = POLICY_LAYOUT_OF_CODE[reader.u8()];
  // A policy has a fixed length; the name of a queue has its own in front.
  reader.skip(layout?.bytes ?? reader.u32());
  return reader.position;
}
