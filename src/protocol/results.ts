import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { MalformedBytesError } from '../base/bytes.ts';
import { type Field, type Fields, f64, flag, payload, text, texts, u8, u32, type ValuesOf } from './fields.ts';
import { childEntries } from './flow.ts';
import { policyInResult } from './scheduler.ts';

export interface Result {
  /** Never used for anything else: codes of results that are gone stay reserved, and a test asserts each. */
  readonly code: number;
  /** In the order of their bytes, behind the code. */
  readonly fields: Fields;
  /** A list behind the fields: a u32 count, then these for each item. All of fixed size. */
  readonly items?: Fields;
  /** One sentence, for the documentation. */
  readonly about: string;
}

const HELD = { id: f64, token: f64 };
const CLAIMED_1 = { ...HELD, attempt: u32, attemptsMax: u32, addedMs: f64 };
const JOB_1 = {
  id: f64,
  queue: text,
  state: u8,
  priority: u32,
  attempt: u32,
  attemptsMax: u32,
  token: f64,
  addedMs: f64,
  dueMs: f64,
  finishedMs: f64,
};
const BEGIN = { isBegun: flag, stalls: u32 };

/**
 * The result of each operation in a reply. Payloads and outcomes are not among the fields: they are attached behind all results
 * (see reply.ts). The encoder, the decoder and docs/commands.md are derived from these rows. `claimed`, which most replies to workers
 * consist of, has hand-tuned code; a test compares it with what the row says.
 */
export const RESULTS = defineResults({
  error: { code: 0, fields: { code: u8, jobId: f64, state: u8 }, about: 'The operation had no effect.' },
  added: { code: 1, fields: { id: f64 }, about: 'The id of the job.' },
  claimed1: { code: 2, fields: {}, items: CLAIMED_1, about: 'Of version 1, whose claims begin each job.' },
  done: { code: 3, fields: {}, about: 'The operation took effect.' },
  counts: {
    code: 4,
    fields: { delayed: f64, waiting: f64, active: f64, completed: f64, failed: f64 },
    about: 'How many jobs of a queue are in each state.',
  },
  job1: { code: 5, fields: { ...JOB_1, outcome: u8 }, about: 'Of version 1, without begun and stalls.' },
  opened: { code: 6, fields: { client: f64 }, about: "The session's id: the client of all further requests." },
  claimed: { code: 7, fields: {}, items: { ...CLAIMED_1, ...BEGIN }, about: 'The jobs of a claim.' },
  job: { code: 8, fields: { ...JOB_1, ...BEGIN, outcome: u8 }, about: 'A job.' },
  held: { code: 9, fields: {}, items: HELD, about: 'The jobs under leases of a holder.' },
  paused: { code: 10, fields: { isPaused: flag }, about: 'Whether a queue is paused.' },
  jobIds: {
    code: 11,
    fields: { skipped: u32, isOver: flag, rank: f64, tie: f64 },
    items: { id: f64 },
    about:
      'Ids of jobs in one state, in its order; how many were skipped before them; the place of the last one, and whether none is behind it.',
  },
  queueNames: {
    code: 12,
    fields: { isOver: flag, last: f64, names: texts },
    about: 'Names of queues, the number of the last one, and whether none is behind it.',
  },
  removed: { code: 13, fields: { customId: text }, about: 'The job is removed: the id that its client chose, empty if it chose none.' },
  scheduler: {
    code: 18,
    fields: {
      nextMs: f64,
      ticks: f64,
      everyMs: f64,
      offsetMs: f64,
      startMs: f64,
      endMs: f64,
      ticksMax: u32,
      priority: u32,
      scheduler: text,
      pattern: text,
      tz: text,
      policy: policyInResult,
      payload,
    },
    about: 'A job scheduler: its next tick, 0 until it is known, how many there were, its times, and what its jobs have.',
  },
  schedulerIds: {
    code: 19,
    fields: { total: u32, schedulers: texts },
    about: 'How many job schedulers a queue has, and the ids of some of them.',
  },
  concurrency: { code: 20, fields: { concurrencyMax: u32 }, about: 'How many jobs of a queue may be active; 0 for any number.' },
  rateLimit: { code: 21, fields: { rateMax: u32, rateMs: f64 }, about: 'How many jobs claims take within which time; 0 for any number.' },
  subscribed: {
    code: 30,
    fields: { recording: f64, first: f64, last: f64 },
    about:
      'The number of the recording, the ids of its oldest event that is kept and of its latest event; a recording of 0 if too many queues record.',
  },
  events: {
    code: 31,
    fields: { recording: f64, first: f64, last: f64, isLost: flag, count: u32, events: payload },
    about:
      'The recording that goes on, 0 if none does; the ids of its oldest event that is kept and of its latest event; whether those behind ' +
      'the given id are not there, or no longer all; and the next ones, or those from the oldest one on, in the form of protocol/events.ts.',
  },
  rateLimitTtl: { code: 22, fields: { ttlMs: f64 }, about: 'For how long claims take no job; 0 if they may take one.' },
  deduplicated: {
    code: 40,
    fields: { id: f64, customId: text },
    about: 'No job was added: the job that has taken the deduplication id, and the id that its client chose, empty if it chose none.',
  },
  deduplicationJob: {
    code: 41,
    fields: { id: f64, customId: text },
    about: 'The job that has taken a deduplication id, 0 if none has; and the id that its client chose, empty if it chose none.',
  },
  deduplicationRemoved: { code: 42, fields: { isRemoved: flag }, about: 'Whether a deduplication id was taken, and is free now.' },
  flowAdded: {
    code: 45,
    fields: { firstId: f64 },
    items: { id: f64 },
    about:
      'The jobs that have no parent, in their order. Those from firstId on are new, and the jobs of their trees have ids from it on, in the order of the request.',
  },
  detached: { code: 46, fields: { wasChild: flag }, about: 'Whether the job had a parent.' },
  children: {
    code: 47,
    fields: { unprocessed: u32, processed: u32, failed: u32, ignored: u32, isOver: flag, last: f64, children: childEntries },
    about:
      'How many children of a job have each status, some of them, the id of the last one that was looked at, and whether none is behind it.',
  },
  parent: {
    code: 48,
    fields: { parentId: f64, parentQueue: text, parentCustomId: text },
    about: 'The parent of a job, its queue and the id that its client chose; 0 and empty if there is none.',
  },
  stateCounts: {
    code: 49,
    fields: { delayed: f64, waiting: f64, active: f64, completed: f64, failed: f64, waitingChildren: f64 },
    about: 'How many jobs of a queue are in each state.',
  },
  logged: { code: 50, fields: { rows: u32 }, about: 'How many rows the log of the job has.' },
  logs: {
    code: 51,
    fields: { total: u32, rows: texts },
    about: 'How many rows the log of a job has, and some of them.',
  },
  transacted: {
    code: 52,
    fields: { results: payload },
    about: 'A transaction took effect: [u32 results] and the result of each of its operations, in their order.',
  },
  transactionRejected: {
    code: 53,
    fields: { operation: u32, code: u8, jobId: f64, state: u8 },
    about: 'Nothing of a transaction took effect: the position of the operation that was rejected, from 0 on, and its error.',
  },
});

function defineResults<const Rows extends Readonly<Record<string, Result>>>(rows: Rows): Rows {
  return rows;
}

export type ResultName = keyof typeof RESULTS;
export type ResultFields<Name extends ResultName> = ValuesOf<(typeof RESULTS)[Name]['fields']>;
export type ResultItem<Name extends ResultName> = (typeof RESULTS)[Name] extends { readonly items: infer Items extends Fields }
  ? ValuesOf<Items>
  : never;

/** A row with what is derived from it. */
export interface ResultRow {
  readonly name: ResultName;
  readonly code: number;
  readonly fields: FieldList;
  readonly items: FieldList | undefined;
  /** Bytes of one item. */
  readonly itemBytes: number;
}

type FieldList = readonly { readonly name: string; readonly field: Field<unknown> }[];

const listOf = (fields: Fields): FieldList => Object.entries(fields).map(([name, field]) => ({ name, field }));

export const RESULT_NAMES = Object.keys(RESULTS) as ResultName[];
/** By code; undefined for a code that no result has. */
const RESULT_OF_CODE: readonly (ResultRow | undefined)[] = RESULT_NAMES.reduce<(ResultRow | undefined)[]>((rows, name) => {
  const result: Result = RESULTS[name];
  const items = result.items === undefined ? undefined : listOf(result.items);
  const itemBytes = items?.reduce((sum, { field }) => sum + field.bytes, 0) ?? 0;
  rows[result.code] = { name, code: result.code, fields: listOf(result.fields), items, itemBytes };
  return rows;
}, []);

export const rowOfResult = (name: ResultName): ResultRow => RESULT_OF_CODE[RESULTS[name].code] as ResultRow;

/** @throws {MalformedBytesError} */
export function resultOfCode(code: number): ResultRow {
  const row = RESULT_OF_CODE[code];
  if (row === undefined) throw new MalformedBytesError(`result of unknown code ${code}`);
  return row;
}

/** @param values of each field, by name. */
export function writeFields(to: ByteWriter, fields: FieldList, values: Readonly<Record<string, unknown>>): void {
  for (const { name, field } of fields) field.write(to, values[name]);
}

/** @throws {MalformedBytesError} */
export function readFields(from: ByteReader, fields: FieldList): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const { name, field } of fields) values[name] = field.read(from);
  return values;
}

/** Skips a result behind its code. @throws {MalformedBytesError} */
export function skipResult(row: ResultRow, from: ByteReader): void {
  for (const { field } of row.fields) {
    if (field.isVariable) from.skip(from.u32());
    else from.skip(field.bytes);
  }
  if (row.items !== undefined) from.skip(from.u32() * row.itemBytes);
}
