import { ByteReader, MalformedBytesError } from '../base/bytes.ts';
import { InvalidPayloadError } from './errors.ts';

/**
 * How a job's name and data stand in the bytes that the queue carries without looking at them. Little-endian.
 * ```
 * content [u8 kind][u32 length][name in UTF-8][data to the end]
 * value   [u8 kind][data to the end]                               what a processor returned
 * kind    0 nothing (undefined), 1 JSON in UTF-8, 2 bytes as they are
 * ```
 */
const KIND_NOTHING = 0;
const KIND_JSON = 1;
const KIND_BYTES = 2;
const NAME_AT = 5;

const textDecoder = new TextDecoder();
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
const EMPTY = new Uint8Array(0);

const kindOf = (data: unknown): number => (data === undefined ? KIND_NOTHING : data instanceof Uint8Array ? KIND_BYTES : KIND_JSON);

/**
 * @returns the content's bytes, valid only until the next call: small contents share one buffer.
 * @throws {InvalidPayloadError} when `data` is no JSON value.
 */
export function encodeContent(name: string, data: unknown): Uint8Array {
  const kind = kindOf(data);
  const json = kind === KIND_JSON ? stringify(data) : '';
  const dataBytesMax = data instanceof Uint8Array ? data.length : json.length * 3;
  const target = bufferOf(NAME_AT + name.length * 3 + dataBytesMax);
  target[0] = kind;
  const nameBytes = target.write(name, NAME_AT);
  target.writeUInt32LE(nameBytes, 1);
  const dataAt = NAME_AT + nameBytes;
  return plainView(target, dataAt + writeData(target, dataAt, data, json));
}

export function encodeValue(value: unknown): Uint8Array {
  const kind = kindOf(value);
  if (kind === KIND_NOTHING) return EMPTY;
  const json = kind === KIND_JSON ? stringify(value) : '';
  const target = bufferOf(1 + (value instanceof Uint8Array ? value.length : json.length * 3));
  target[0] = kind;
  return plainView(target, 1 + writeData(target, 1, value, json));
}

/** @throws {MalformedBytesError} */
export function decodeName(content: Uint8Array): string {
  const reader = new ByteReader(content);
  reader.u8();
  return reader.text();
}

/** @throws {MalformedBytesError} */
export function decodeData(content: Uint8Array): unknown {
  const reader = new ByteReader(content);
  const kind = reader.u8();
  reader.skip(reader.u32());
  return decodeRest(kind, content.subarray(reader.position));
}

/** @throws {MalformedBytesError} */
export function decodeValue(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : decodeRest(bytes[0] as number, bytes.subarray(1));
}

function decodeRest(kind: number, bytes: Uint8Array): unknown {
  if (kind === KIND_NOTHING) return undefined;
  // A copy, so that one kept job does not keep the whole packet it came with.
  if (kind === KIND_BYTES) return new Uint8Array(bytes);
  if (kind !== KIND_JSON) throw new MalformedBytesError(`content of unknown kind ${kind}`);
  try {
    return JSON.parse(textDecoder.decode(bytes));
  } catch {
    throw new MalformedBytesError('content is not valid JSON');
  }
}

const bufferOf = (bytesMax: number): Buffer => (bytesMax <= scratch.length ? scratch : Buffer.allocUnsafeSlow(bytesMax));

/** Not a Buffer, whose slice() would not copy. */
const plainView = (buffer: Buffer, length: number): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, length);

function writeData(target: Buffer, at: number, data: unknown, json: string): number {
  if (data instanceof Uint8Array) {
    target.set(data, at);
    return data.length;
  }
  return json === '' ? 0 : target.write(json, at);
}

function stringify(data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (cause) {
    throw new InvalidPayloadError('The data cannot be written as JSON.', { cause });
  }
  if (json === undefined) throw new InvalidPayloadError(`A ${typeof data} cannot be written as JSON.`);
  return json;
}
