import { ByteReader, type ByteWriter } from '../base/bytes.ts';
import { StateCode } from './job-state.ts';
import {
  CLAIM_COUNT_MAX,
  CUSTOM_ID_BYTES_MAX,
  DURATION_MS_MAX,
  KEEP_MAX,
  LOG_ROW_BYTES_MAX,
  PROGRESS_BYTES_MAX,
  REASON_BYTES_MAX,
} from './limits.ts';

/** The bytes are well formed, but a value is not allowed. The message says what to change. */
export class InvalidOperationError extends Error {
  readonly code = 'INVALID_OPERATION';

  constructor(message: string) {
    super(message);
    this.name = 'InvalidOperationError';
  }
}

/** How one field of a request or reply is written, read and checked. */
export interface Field<Value> {
  /** Its type on the wire, as in `f64`; little-endian. */
  readonly layout: string;
  /** Bytes of the value; of a `text`, `texts` or `blob`, of its length, and its bytes follow. */
  readonly bytes: number;
  readonly isVariable: boolean;
  readonly kind: 'number' | 'boolean' | 'text' | 'texts' | 'bytes';
  /** The allowed values, for the documentation. */
  readonly range: string;
  write(to: ByteWriter, value: Value): void;
  /** @throws {InvalidOperationError} for a value that is not allowed. @throws {MalformedBytesError} where the bytes end. */
  read(from: ByteReader): Value;
  /** For hand-tuned code, which reads the value itself. @throws {InvalidOperationError} for one that is not allowed. */
  check?(value: Value): void;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
/** The value of a field. */
export type ValueOf<F> = F extends Field<infer Value> ? Value : never;
/** The values of fields, by name. */
export type ValuesOf<F extends Fields> = { readonly [Name in keyof F]: ValueOf<F[Name]> };

/** Any value: the check is its user's. */
export const f64: Field<number> = {
  layout: 'f64',
  bytes: 8,
  isVariable: false,
  kind: 'number',
  range: 'any number',
  write: (to, value) => to.f64(value),
  read: (from) => from.f64(),
};

export const u32: Field<number> = {
  layout: 'u32',
  bytes: 4,
  isVariable: false,
  kind: 'number',
  range: 'any whole number below 2^32',
  write: (to, value) => to.u32(value),
  read: (from) => from.u32(),
};

export const u8: Field<number> = {
  layout: 'u8',
  bytes: 1,
  isVariable: false,
  kind: 'number',
  range: 'any whole number below 256',
  write: (to, value) => to.u8(value),
  read: (from) => from.u8(),
};

/** Anything but 1 is false. */
export const flag: Field<boolean> = {
  layout: 'u8',
  bytes: 1,
  isVariable: false,
  kind: 'boolean',
  range: '0 or 1',
  write: (to, value) => to.u8(value ? 1 : 0),
  read: (from) => from.u8() === 1,
};

export const text: Field<string> = {
  layout: 'text',
  bytes: 4,
  isVariable: true,
  kind: 'text',
  range: 'UTF-8',
  write: (to, value) => to.text(value),
  read: (from) => from.text(),
};

/** A list of texts. The length in front is that of all of them. */
export const texts: Field<readonly string[]> = {
  layout: 'texts',
  bytes: 4,
  isVariable: true,
  kind: 'texts',
  range: 'UTF-8',
  write: (to, values) => {
    const lengthAt = to.reserve(4);
    for (const value of values) to.text(value);
    to.patchU32(lengthAt, to.length - lengthAt - 4);
  },
  read: (from) => {
    const reader = new ByteReader(from.blob());
    const values: string[] = [];
    while (reader.remaining > 0) values.push(reader.text());
    return values;
  },
};

/** Bytes that are opaque to the queue. The node limits them by `payloadBytesMax`. */
export const payload: Field<Uint8Array> = {
  layout: 'blob',
  bytes: 4,
  isVariable: true,
  kind: 'bytes',
  range: 'at most payloadBytesMax bytes',
  write: (to, value) => to.blob(value),
  read: (from) => from.blob(),
};

/** The ids that the queue gives: a client cannot choose one of them. */
const GIVEN_ID = /^\d+$/;

/** An id of a job that its client chose. */
export const customId: Field<string> = {
  ...text,
  range: `1 to ${CUSTOM_ID_BYTES_MAX} bytes of UTF-8, not only digits`,
  read: (from) => {
    const before = from.position;
    const value = from.text();
    const bytes = from.position - before - 4;
    if (bytes >= 1 && bytes <= CUSTOM_ID_BYTES_MAX && !GIVEN_ID.test(value)) return value;
    throw new InvalidOperationError(
      `A custom id of a job has ${bytes} bytes${GIVEN_ID.test(value) ? ', only digits' : ''}. Use 1 to ${CUSTOM_ID_BYTES_MAX} bytes of UTF-8 that are not only digits: those are the ids that the queue gives.`,
    );
  },
};

/** A custom id, and the payload behind it. */
export const payloadWithId: Field<Uint8Array> = {
  ...payload,
  range: `[text customId], and then at most payloadBytesMax bytes`,
  read: (from) => {
    const bytes = from.blob();
    customId.read(new ByteReader(bytes));
    return bytes;
  },
};

/** How far a job has come: bytes that are opaque to the queue. */
export const progress: Field<Uint8Array> = {
  ...payload,
  range: `1 to ${PROGRESS_BYTES_MAX} bytes`,
  read: (from) => {
    const bytes = from.blob();
    if (bytes.length >= 1 && bytes.length <= PROGRESS_BYTES_MAX) return bytes;
    throw new InvalidOperationError(`The progress of a job has ${bytes.length} bytes. Use 1 to ${PROGRESS_BYTES_MAX}.`);
  },
};

/** A text of bounded length. @param what has it. */
const boundedText = (what: string, bytesMax: number, remedy: string): Field<string> => ({
  ...text,
  range: `at most ${bytesMax} bytes of UTF-8`,
  read: (from) => {
    const before = from.position;
    const value = from.text();
    const bytes = from.position - before - 4;
    if (bytes > bytesMax) throw new InvalidOperationError(`${what} has ${bytes} bytes. ${remedy}`);
    return value;
  },
});

/** A row of the log of a job, which may be empty. */
export const logRow = boundedText('A row of a log', LOG_ROW_BYTES_MAX, `Use at most ${LOG_ROW_BYTES_MAX}.`);

/** Why a job failed. */
export const reason = boundedText('A failure reason', REASON_BYTES_MAX, `Cut it to ${REASON_BYTES_MAX} bytes of UTF-8.`);

/** A field with a check of what is read. @param fault the message for an invalid value; undefined for a valid one. */
export function checked<Value>(field: Field<Value>, range: string, fault: (value: Value) => string | undefined): CheckedField<Value> {
  const check = (value: Value): void => {
    const message = fault(value);
    if (message !== undefined) throw new InvalidOperationError(message);
  };
  return {
    ...field,
    range,
    check,
    read: (from) => {
      const value = field.read(from);
      check(value);
      return value;
    },
  };
}

export type CheckedField<Value> = Field<Value> & Required<Pick<Field<Value>, 'check'>>;

export const jobId = checked(f64, 'an id that add returned', (id) =>
  Number.isSafeInteger(id) && id >= 1 ? undefined : `A job id is ${id}. Use an id that add returned.`,
);

/** The fencing token of a claim. A wrong one is a lost lease, not a fault. */
export const token: Field<number> = { ...f64, range: 'the token of a claim' };

/** The token of a lease under which alone a job is changed. */
export const tokenOrNone: Field<number> = { ...token, range: 'the token of a claim, or 0 for none' };

export const holder = checked(f64, 'a whole number from 0 on', (id) =>
  Number.isSafeInteger(id) && id >= 0 ? undefined : `A holder is ${id}. Use a whole number from 0 on.`,
);

export const leaseMs = checked(f64, `1 to ${DURATION_MS_MAX} ms`, (ms) =>
  ms >= 1 && ms <= DURATION_MS_MAX ? undefined : `A lease is ${ms} ms long. Use 1 to ${DURATION_MS_MAX} ms.`,
);

export const durationMs = (what: string): CheckedField<number> =>
  checked(f64, `0 to ${DURATION_MS_MAX} ms`, (ms) =>
    ms >= 0 && ms <= DURATION_MS_MAX ? undefined : `A ${what} is ${ms} ms long. Use 0 to ${DURATION_MS_MAX} ms.`,
  );

/** The time of a limit of a rate. @param what has the limit. */
export const rateMs = (what: string): CheckedField<number> =>
  checked(f64, `1 to ${DURATION_MS_MAX} ms`, (ms) =>
    ms >= 1 && ms <= DURATION_MS_MAX ? undefined : `A ${what} limits a rate within ${ms} ms. Use 1 to ${DURATION_MS_MAX} ms.`,
  );

export const countMax = (what: string): CheckedField<number> =>
  checked(u32, `1 to ${CLAIM_COUNT_MAX}`, (count) =>
    count >= 1 && count <= CLAIM_COUNT_MAX ? undefined : `An operation asks for ${count} ${what}. Use 1 to ${CLAIM_COUNT_MAX}.`,
  );

/** A state whose jobs can be listed, as its code. */
export const listedState = checked(
  u8,
  `${StateCode.delayed} (delayed), ${StateCode.waiting} (waiting), ${StateCode.active} (active), ${StateCode.completed} (completed) or ${StateCode.failed} (failed)`,
  (code) =>
    code >= StateCode.delayed && code <= StateCode.failed
      ? undefined
      : `A listing asks for the state ${code}. Use ${StateCode.delayed} (delayed) to ${StateCode.failed} (failed).`,
);

/** The same, and 0 for jobs that wait for their children. */
export const countedState: CheckedField<number> = checked(
  u8,
  `${StateCode['waiting-children']} (waiting-children), or ${listedState.range}`,
  (code) =>
    code >= StateCode['waiting-children'] && code <= StateCode.failed
      ? undefined
      : `A listing asks for the state ${code}. Use ${StateCode['waiting-children']} (waiting-children) to ${StateCode.failed} (failed).`,
);

/** @param fault what the request does, with the value. */
export const u32Between = (min: number, max: number, fault: (value: number) => string): CheckedField<number> =>
  checked(u32, `${min} to ${max}`, (value) => (value >= min && value <= max ? undefined : `${fault(value)}. Use ${min} to ${max}.`));

/** Means "all" in the numbers of jobs to keep, as a u32. */
const KEEP_ALL = 2 ** 32 - 1;

/** How many finished jobs a queue keeps; -1 for all. */
export const keep: Field<number> = {
  ...u32,
  range: `-1 (all, as 2^32 - 1) or 0 to ${KEEP_MAX}`,
  read: (from) => {
    const count = from.u32();
    if (count === KEEP_ALL) return -1;
    if (count <= KEEP_MAX) return count;
    throw new InvalidOperationError(`The number of finished jobs to keep is ${count - 2 ** 32}. Use -1 for all, or 0 to ${KEEP_MAX}.`);
  },
};
