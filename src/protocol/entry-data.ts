import { type ByteReader, ByteWriter } from '../base/bytes.ts';
import { JobraftError } from '../base/errors.ts';

/** The header of a command entry, before its requests. */
export interface EntryHeader {
  readonly version: number;
  /** The log clock in milliseconds: leases and sessions run on it. It never goes back, independent of the wall clocks. */
  readonly logMs: number;
  /** The leader's wall clock in milliseconds since 1970, for delays and time stamps. It may be stepped. */
  readonly wallMs: number;
  /** The first command of a leader's term: leases get a fresh term, because their holders may have been unable to extend them. */
  readonly isFirstOfTerm: boolean;
}

const FLAG_FIRST_OF_TERM = 1;
/** At the position of the sign of version 1's time stamp, which was never negative. */
const MARK = 0xff;
const MARK_AT = 7;
const HEADER_1_BYTES = 8;
const HEADER_2_BYTES = 24;

/**
 * The data of a command entry. Little-endian.
 * ```
 * version 1   [f64 wallMs]([u32 length][request])*
 * version 2   [u16 version][u8 flags][u32 0][u8 0xff][f64 logMs][f64 wallMs]([u32 length][request])*
 * ```
 */
export function writeEntryHeader(to: ByteWriter, header: EntryHeader): void {
  if (header.version === 1) {
    to.f64(header.wallMs);
    return;
  }
  to.u16(header.version);
  to.u8(header.isFirstOfTerm ? FLAG_FIRST_OF_TERM : 0);
  to.u32(0);
  to.u8(MARK);
  to.f64(header.logMs);
  to.f64(header.wallMs);
}

/** Reads the header at the start of an entry's data. @returns undefined for data that is too short to have one. */
export function readEntryHeader(data: Uint8Array, from: ByteReader): EntryHeader | undefined {
  if (data.length < HEADER_1_BYTES) return undefined;
  if (data[MARK_AT] !== MARK) {
    const wallMs = from.f64();
    return { version: 1, logMs: wallMs, wallMs, isFirstOfTerm: false };
  }
  if (data.length < HEADER_2_BYTES) return undefined;
  const version = from.u16();
  const flags = from.u8();
  from.skip(5);
  return { version, logMs: from.f64(), wallMs: from.f64(), isFirstOfTerm: (flags & FLAG_FIRST_OF_TERM) !== 0 };
}

/** The version in an entry's data; 1 for data without a header. */
export const versionOfEntry = (data: Uint8Array): number =>
  data.length >= HEADER_2_BYTES && data[MARK_AT] === MARK ? (data[0] as number) | ((data[1] as number) << 8) : 1;

/** An entry that only advances time, or moves the cluster to another version. */
export function tickData(header: EntryHeader): Uint8Array {
  const to = new ByteWriter(HEADER_2_BYTES);
  writeEntryHeader(to, header);
  return to.copy();
}

/** An entry or checkpoint is of a newer release, which this node cannot apply or read. Nothing is damaged. */
export class UnsupportedVersionError extends JobraftError {
  override readonly code = 'VERSION_UNSUPPORTED';

  constructor(what: string, supported: string) {
    super(`${what}, and this release of jobraft ${supported}. Start the node with the release that wrote its data, or a later one.`);
  }
}
