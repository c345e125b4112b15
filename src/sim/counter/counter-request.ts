import { ByteReader, ByteWriter, MalformedBytesError } from '../../base/bytes.ts';
import { HEADER_BYTES, isAddressable, type RequestHeader, readRequestHeader } from '../../protocol/request-encoder.ts';

/**
 * A request to the counter: the header that all requests have, with one operation.
 * ```
 * increment  [1]            of every version
 * add        [2][u8 amount] from version 2 on
 * read       [3]            of queries only
 * ```
 */
export const CounterCode = Object.freeze({ increment: 1, add: 2, read: 3 });

/** The version from which on there is `add`. */
export const ADD_VERSION = 2;

export interface CounterOperation {
  readonly code: number;
  /** What it adds to the value; zero for a read. */
  readonly amount: number;
}

/** What the machine returns: the counter's value behind the request; undefined for a late copy of an earlier request. */
export interface CounterReply {
  readonly client: number;
  readonly sequence: number;
  readonly value: number | undefined;
}

export function counterRequest(client: number, sequence: number, { code, amount }: CounterOperation): Uint8Array {
  const to = new ByteWriter(HEADER_BYTES + 2);
  to.f64(client);
  to.f64(sequence);
  to.f64(sequence);
  to.u32(1);
  to.u8(code);
  if (code === CounterCode.add) to.u8(amount);
  return to.copy();
}

/** @throws {MalformedBytesError} */
export function readCounterRequest(reader: ByteReader): { readonly header: RequestHeader; readonly operation: CounterOperation } {
  const header = readRequestHeader(reader);
  if (!isAddressable(header) || header.operations !== 1) throw new MalformedBytesError('a request without an address or one operation');
  const code = reader.u8();
  if (code !== CounterCode.increment && code !== CounterCode.add && code !== CounterCode.read)
    throw new MalformedBytesError(`operation of code ${code}`);
  const amount = code === CounterCode.add ? reader.u8() : code === CounterCode.increment ? 1 : 0;
  if (reader.remaining > 0) throw new MalformedBytesError('bytes behind the operation');
  return { header, operation: { code, amount } };
}

export function counterReply({ client, sequence, value }: CounterReply): Uint8Array {
  const to = new ByteWriter(24);
  to.f64(client);
  to.f64(sequence);
  to.f64(value ?? -1);
  return to.copy();
}

/** @throws {MalformedBytesError} */
export function readCounterReply(reply: Uint8Array): CounterReply {
  const reader = new ByteReader(reply);
  const client = reader.f64();
  const sequence = reader.f64();
  const value = reader.f64();
  return { client, sequence, value: value < 0 ? undefined : value };
}
