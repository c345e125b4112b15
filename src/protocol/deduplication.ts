import { ByteReader, type ByteWriter } from '../base/bytes.ts';
import { checked, customId, durationMs, type Field, f64, flag, InvalidOperationError, payload, text } from './fields.ts';
import { DEDUPLICATION_ID_BYTES_MAX } from './limits.ts';

/** How an add is deduplicated, as BullMQ's option of this name. */
export interface Deduplication {
  /** Jobs of a queue that are added with the same id are duplicates of each other. */
  readonly id: string;
  /** How long the id is taken, in ms of log time, also behind the end of the job; 0 until the job ends. */
  readonly ttlMs: number;
  /** A duplicate begins the time of `ttlMs` again. */
  readonly isExtending: boolean;
  /** It takes the place of a duplicate that is delayed. */
  readonly isReplacing: boolean;
  /** The last add while a duplicate is active is kept, and executed when that job ends. The id is then taken until the job ends, whatever `ttlMs` says. */
  readonly keepsLast: boolean;
}

/** What jobs are deduplicated by, which the client chose. */
export const deduplicationId: Field<string> = {
  ...text,
  range: `1 to ${DEDUPLICATION_ID_BYTES_MAX} bytes of UTF-8`,
  read: (from) => {
    const before = from.position;
    const value = from.text();
    const bytes = from.position - before - 4;
    if (bytes >= 1 && bytes <= DEDUPLICATION_ID_BYTES_MAX) return value;
    throw new InvalidOperationError(`A deduplication id has ${bytes} bytes. Use 1 to ${DEDUPLICATION_ID_BYTES_MAX} bytes of UTF-8.`);
  },
};

/** What is in front of the payload of a deduplicated add. */
export interface DeduplicationHead {
  readonly deduplicationId: string;
  /** Empty without one. */
  readonly customId: string;
}

export function writeDeduplicationHead(to: ByteWriter, head: DeduplicationHead): void {
  to.text(head.deduplicationId);
  to.u8(head.customId === '' ? 0 : 1);
  if (head.customId !== '') to.text(head.customId);
}

/** @throws {InvalidOperationError | MalformedBytesError} */
export const readDeduplicationHead = (from: ByteReader): DeduplicationHead => ({
  deduplicationId: deduplicationId.read(from),
  customId: from.u8() === 1 ? customId.read(from) : '',
});

/** The ids, and the payload behind them. */
export const deduplicatedPayload: Field<Uint8Array> = {
  ...payload,
  range: '[text deduplicationId][u8 hasCustomId][text customId] if it is 1, and then at most payloadBytesMax bytes',
  read: (from) => {
    const bytes = from.blob();
    readDeduplicationHead(new ByteReader(bytes));
    return bytes;
  },
};

export const DEDUPLICATION_FIELDS = {
  ttlMs: durationMs('time of a deduplication'),
  isExtending: flag,
  isReplacing: flag,
  keepsLast: flag,
};

/** The only job whose id is meant, or any. */
export const holderJobId = checked(f64, 'the id of a job, or 0 for any', (id) =>
  Number.isSafeInteger(id) && id >= 0 ? undefined : `A job id is ${id}. Use an id that add returned, or 0 for any job.`,
);
