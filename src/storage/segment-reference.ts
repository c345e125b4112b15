import { ByteReader, ByteWriter } from '../base/bytes.ts';

/** Where the data of a large entry is, in the place of the data in its row. */
export interface SegmentReference {
  /** The number of the segment. */
  readonly segment: number;
  /** From the begin of the segment, in bytes. */
  readonly offset: number;
  /** What is stored there, in bytes. */
  readonly length: number;
  /** Over the entry's index, term and kind, and what is stored. */
  readonly checksum: number;
}

export const REFERENCE_BYTES = 16;

/** Set in the column `kind` of a row that has a reference. The kind after the last entry has all bits. */
export const REFERENCE_FLAG = 64;

export function encodeReference({ segment, offset, length, checksum }: SegmentReference): Uint8Array {
  const writer = new ByteWriter(REFERENCE_BYTES);
  for (const value of [segment, offset, length, checksum]) writer.u32(value);
  return writer.copy();
}

/** @returns undefined for bytes that are no reference. */
export function decodeReference(bytes: Uint8Array): SegmentReference | undefined {
  if (bytes.length !== REFERENCE_BYTES) return undefined;
  const reader = new ByteReader(bytes);
  const [segment, offset, length, checksum] = [reader.u32(), reader.u32(), reader.u32(), reader.u32()];
  return { segment, offset, length, checksum };
}
