import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { describeValue } from '../base/describe-value.ts';
import { awaitRemedy, isPromise } from '../base/missing-await.ts';
import { InvalidPayloadError } from './errors.ts';
import { PayloadTooLargeError } from './size-errors.ts';
import { describeThrown } from './thrown.ts';

/**
 * The encoding of a job's name and data, which is opaque to the queue. Little-endian.
 * ```
 * payload [u8 kind][u32 length][name in UTF-8][data to the end]
 * value   [u8 kind][data to the end]                               the result of a processor
 * kind    0 nothing (undefined), 1 JSON in UTF-8, 2 bytes as they are
 * ```
 */
const KIND_NOTHING = 0;
const KIND_JSON = 1;
const KIND_BYTES = 2;
const NAME_AT = 5;

const textDecoder = new TextDecoder();
const SCRATCH_BYTES = 64 * 1024;
/** Memory that is kept for the next payloads: a new buffer for each large one would cost a collection of garbage for every hundred. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
/**
 * Longest text that is written by a loop while it is ASCII: below it a call into the runtime costs more than the loop. Measured: the
 * client's share of a job of a bulk falls from 0.81 to 0.75 µs with names this short; with 50 characters nothing is gained.
 */
const SHORT_TEXT_CHARS = 24;
const EMPTY = new Uint8Array(0);

const kindOf = (data: unknown): number => (data === undefined ? KIND_NOTHING : data instanceof Uint8Array ? KIND_BYTES : KIND_JSON);

/** Payloads one after the other in memory that grows: keeping a typed array for each costs more than writing it. */
export class PayloadWriter {
  #bytes: Buffer;
  #length = 0;

  constructor(capacityBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(capacityBytes);
  }

  /** The end of the last payload and the start of the next one. */
  get length(): number {
    return this.#length;
  }

  /** The bytes in [start, end), valid until the next write. */
  view(start: number, end: number): Uint8Array {
    return plainView(this.#bytes, start, end);
  }

  /** Clears the payloads, and frees the memory if it grew beyond what is kept. */
  reset(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  }

  /** @throws {InvalidPayloadError | PayloadTooLargeError} and nothing is written. */
  write(name: string, data: unknown, bytesMax: number): void {
    checkName(name);
    const kind = kindOf(data);
    const json = kind === KIND_JSON ? stringify(data) : '';
    const dataBytesMax = data instanceof Uint8Array ? data.length : json.length * 3;
    // Only now: a toJSON() may have written other payloads.
    const start = this.#length;
    this.#reserve(NAME_AT + name.length * 3 + dataBytesMax);
    const target = this.#bytes;
    const nameBytes = writeText(target, start + NAME_AT, name);
    target[start] = kind;
    target.writeUInt32LE(nameBytes, start + 1);
    const dataAt = start + NAME_AT + nameBytes;
    const end = dataAt + writeData(target, dataAt, data, json);
    if (end - start > bytesMax) throw new PayloadTooLargeError(end - start, bytesMax);
    this.#length = end;
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

const shared = new PayloadWriter(SCRATCH_BYTES);

/**
 * @returns the payload's bytes, valid only until the next call: payloads share one buffer.
 * @throws {InvalidPayloadError | PayloadTooLargeError}
 */
export function encodePayload(name: string, data: unknown, bytesMax: number): Uint8Array {
  shared.write(name, data, bytesMax);
  const payload = shared.view(0, shared.length);
  // Reset here, so that the buffer is empty for the next call, even from the toJSON() of the next data.
  shared.reset();
  return payload;
}

/**
 * @returns the bytes, in memory of their own: a result is written again into each request that carries it until it has a reply.
 * @throws {InvalidPayloadError}
 */
export function encodeValue(value: unknown): Uint8Array {
  const kind = kindOf(value);
  if (kind === KIND_NOTHING) return EMPTY;
  const json = kind === KIND_JSON ? stringify(value) : '';
  const target = bufferOf(1 + (value instanceof Uint8Array ? value.length : json.length * 3));
  target[0] = kind;
  return plainView(target, 0, 1 + writeData(target, 1, value, json)).slice();
}

/** Data as a client in another language sends it: the text of a JSON value, which is kept as it is, bytes, or nothing. */
export type RawData = { readonly json: string } | { readonly bytes: Uint8Array } | undefined;

/** The same bytes as `encodePayload`, of data that is already encoded. @throws {InvalidPayloadError | PayloadTooLargeError} */
export function encodeRawPayload(name: string, data: RawData, bytesMax: number): Uint8Array {
  checkName(name);
  const value = encodeRawValue(data);
  const nameBytes = Buffer.from(name);
  const payload = new Uint8Array(NAME_AT + nameBytes.length + Math.max(0, value.length - 1));
  if (payload.length > bytesMax) throw new PayloadTooLargeError(payload.length, bytesMax);
  payload[0] = value[0] ?? KIND_NOTHING;
  new DataView(payload.buffer).setUint32(1, nameBytes.length, true);
  payload.set(nameBytes, NAME_AT);
  payload.set(value.subarray(1), NAME_AT + nameBytes.length);
  return payload;
}

/** The same bytes as `encodeValue`. @throws {InvalidPayloadError} */
export function encodeRawValue(data: RawData): Uint8Array {
  if (data === undefined) return EMPTY;
  if ('json' in data) checkJson(data.json);
  const bytes = 'json' in data ? Buffer.from(data.json) : data.bytes;
  const value = new Uint8Array(1 + bytes.length);
  value[0] = 'json' in data ? KIND_JSON : KIND_BYTES;
  value.set(bytes, 1);
  return value;
}

/** The data of a payload, as it was sent. @throws {MalformedBytesError} */
export function rawDataOf(payload: Uint8Array): RawData {
  const reader = new ByteReader(payload);
  const kind = reader.u8();
  reader.skip(reader.u32());
  return rawRest(kind, payload.subarray(reader.position));
}

/** The data of a result, as it was sent. @throws {MalformedBytesError} */
export const rawValueOf = (bytes: Uint8Array): RawData => (bytes.length === 0 ? undefined : rawRest(bytes[0] as number, bytes.subarray(1)));

function rawRest(kind: number, bytes: Uint8Array): RawData {
  if (kind === KIND_NOTHING) return undefined;
  if (kind === KIND_BYTES) return { bytes: new Uint8Array(bytes) };
  if (kind === KIND_JSON) return { json: textDecoder.decode(bytes) };
  throw new MalformedBytesError(`payload of unknown kind ${kind}`);
}

function checkJson(text: string): void {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new InvalidPayloadError(`The data is no JSON: ${describeThrown(cause)}. Send JSON, or bytes as "raw".`, { cause });
  }
}

/** @throws {MalformedBytesError} */
export function decodeName(payload: Uint8Array): string {
  const reader = new ByteReader(payload);
  reader.u8();
  return reader.text();
}

/** @throws {MalformedBytesError} */
export function decodeData(payload: Uint8Array): unknown {
  const reader = new ByteReader(payload);
  const kind = reader.u8();
  reader.skip(reader.u32());
  return decodeRest(kind, payload.subarray(reader.position));
}

/** @throws {MalformedBytesError} */
export function decodeValue(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : decodeRest(bytes[0] as number, bytes.subarray(1));
}

function decodeRest(kind: number, bytes: Uint8Array): unknown {
  if (kind === KIND_NOTHING) return undefined;
  // A copy, so that one kept job does not keep the whole packet.
  if (kind === KIND_BYTES) return new Uint8Array(bytes);
  if (kind !== KIND_JSON) throw new MalformedBytesError(`payload of unknown kind ${kind}`);
  try {
    return JSON.parse(textDecoder.decode(bytes));
  } catch {
    throw new MalformedBytesError('payload is not valid JSON');
  }
}

/** A lone surrogate has no form in UTF-8; JSON escapes those of the data. @throws {InvalidPayloadError} */
function checkName(name: unknown): void {
  if (typeof name !== 'string')
    throw new InvalidPayloadError(`The name of a job must be a string, not ${describeValue(name)}. ${awaitRemedy(name)}`.trimEnd());
  if (!name.isWellFormed())
    throw new InvalidPayloadError(`The name ${describeValue(name)} has half of a surrogate pair: use well-formed Unicode.`);
}

const bufferOf = (bytesMax: number): Buffer => (bytesMax <= scratch.length ? scratch : Buffer.allocUnsafeSlow(bytesMax));

/** Not a Buffer, whose slice() would not copy. */
const plainView = (buffer: Buffer, start: number, end: number): Uint8Array =>
  new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start);

function writeData(target: Buffer, at: number, data: unknown, json: string): number {
  if (data instanceof Uint8Array) {
    target.set(data, at);
    return data.length;
  }
  return json === '' ? 0 : writeText(target, at, json);
}

/** In UTF-8. @returns the number of bytes. */
function writeText(target: Buffer, at: number, text: string): number {
  if (text.length > SHORT_TEXT_CHARS) return target.write(text, at);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code >= 0x80) return target.write(text, at);
    target[at + index] = code;
  }
  return text.length;
}

function stringify(data: unknown): string {
  // As JSON it would be an empty object.
  if (isPromise(data)) throw new InvalidPayloadError('The data is a promise: put "await" before the call that returned it.');
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    throw new InvalidPayloadError(`The data cannot be written as JSON: ${describeThrown(cause)}.`, { cause });
  }
  if (json === undefined) throw new InvalidPayloadError(`A ${typeof data} cannot be written as JSON.`);
  return json;
}
