import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { checked, durationMs, type Field, flag, keep, u8, u32Between, type ValuesOf } from './fields.ts';
import { ATTEMPTS_MAX, LOG_ROWS_MAX } from './limits.ts';
import { JOB_LOGS_VERSION, KEEP_TIME_VERSION } from './machine-version.ts';

export const BACKOFF_TYPES = ['none', 'fixed', 'exponential'] as const;
export type BackoffType = (typeof BACKOFF_TYPES)[number];

/** The part of a job's options that neighbouring adds mostly share: it is written once for all of them. */
export const POLICY_FIELDS = {
  /** Attempts before the job is failed for good. */
  attemptsMax: u32Between(1, ATTEMPTS_MAX, (attempts) => `A job asks for ${attempts} attempts`),
  /** A position in BACKOFF_TYPES: the pause before a retry; `exponential` doubles it at every attempt, up to one day. */
  backoff: checked(u8, `a position in ${BACKOFF_TYPES.join(', ')}`, (type) =>
    type < BACKOFF_TYPES.length ? undefined : `The backoff type is unknown. Use one of ${BACKOFF_TYPES.join(', ')}.`,
  ),
  backoffMs: durationMs('backoff delay'),
  /** How many completed jobs of the queue are kept, the newest; -1 all. */
  keepCompleted: keep,
  /** Likewise for failed jobs. */
  keepFailed: keep,
  /** While it waits it is served before the jobs of its priority that were added before it. */
  isLifo: flag,
  /** How long a completed job is kept at most, in ms of wall time; 0 without a limit. */
  keepCompletedMs: durationMs('time for which a completed job is kept'),
  /** Likewise for failed jobs. */
  keepFailedMs: durationMs('time for which a failed job is kept'),
  /** How many rows of its log it keeps, the newest; 0 for as many as a job may have. */
  keepLogs: u32Between(0, LOG_ROWS_MAX, (rows) => `A job keeps ${rows} rows of its log`),
};

export type Policy = ValuesOf<typeof POLICY_FIELDS>;
export type PolicyName = keyof Policy;

/** The values that an add has without options: one attempt, and nothing is kept. */
export const POLICY_DEFAULTS: Policy = Object.freeze({
  attemptsMax: 1,
  backoff: 0,
  backoffMs: 0,
  keepCompleted: 0,
  keepFailed: 0,
  isLifo: false,
  keepCompletedMs: 0,
  keepFailedMs: 0,
  keepLogs: 0,
});

/** Some fields of a policy, in the order of their bytes; the others have their defaults. */
interface Layout {
  /** Selects a policy in a request. Never used for anything else, as the codes of commands: a test asserts each. */
  readonly code: number;
  /** The state-machine versions that have it, from one to another. */
  readonly versions: readonly [first: number, last: number];
  readonly names: readonly PolicyName[];
}

const EVER = Number.POSITIVE_INFINITY;
const FIRST_NAMES: readonly PolicyName[] = ['attemptsMax', 'backoff', 'backoffMs', 'keepCompleted', 'keepFailed'];

/**
 * A field that a version adds brings a layout of all fields up to then. A policy is written in the first layout that can express it: while
 * new fields have their defaults, its bytes are those of earlier versions.
 */
const LAYOUTS: readonly Layout[] = [
  { code: 2, versions: [1, EVER], names: FIRST_NAMES },
  { code: 22, versions: [5, EVER], names: [...FIRST_NAMES, 'isLifo'] },
  { code: 73, versions: [KEEP_TIME_VERSION, EVER], names: [...FIRST_NAMES, 'isLifo', 'keepCompletedMs', 'keepFailedMs'] },
  { code: 99, versions: [JOB_LOGS_VERSION, EVER], names: [...FIRST_NAMES, 'isLifo', 'keepCompletedMs', 'keepFailedMs', 'keepLogs'] },
];

/** A layout with what is derived from it. */
export interface PolicyLayout extends Layout {
  readonly fields: readonly { readonly name: PolicyName; readonly field: Field<unknown> }[];
  /** Bytes of its fields. */
  readonly bytes: number;
  /** The fields that it leaves out. */
  readonly missing: readonly PolicyName[];
}

// The keys of an object are those of its type.
export const POLICY_NAMES = Object.keys(POLICY_FIELDS) as PolicyName[];

function layoutWithFields(layout: Layout): PolicyLayout {
  const { names } = layout;
  return {
    ...layout,
    fields: names.map((name) => ({ name, field: POLICY_FIELDS[name] })),
    bytes: names.reduce((sum, name) => sum + POLICY_FIELDS[name].bytes, 0),
    missing: POLICY_NAMES.filter((name) => !names.includes(name)),
  };
}

export const POLICY_LAYOUTS: readonly PolicyLayout[] = LAYOUTS.map(layoutWithFields);
/** That of records that name none. */
export const FIRST_POLICY_LAYOUT = POLICY_LAYOUTS[0] as PolicyLayout;

/** By code; undefined for a code that no layout has. */
export const POLICY_LAYOUT_OF_CODE: readonly (PolicyLayout | undefined)[] = POLICY_LAYOUTS.reduce<(PolicyLayout | undefined)[]>(
  (layouts, layout) => {
    layouts[layout.code] = layout;
    return layouts;
  },
  [],
);

/** The first layout that can express the policy; the last one has every field. */
export const layoutOfPolicy = (policy: Policy): PolicyLayout =>
  POLICY_LAYOUTS.find(({ missing }) => missing.every((name) => policy[name] === POLICY_DEFAULTS[name])) as PolicyLayout;

export function writePolicy(to: ByteWriter, policy: Policy, { fields }: PolicyLayout): void {
  for (const { name, field } of fields) field.write(to, policy[name]);
}

/** @throws {InvalidOperationError | MalformedBytesError} */
export function readPolicy(from: ByteReader, { fields }: PolicyLayout): Policy {
  const values: Record<PolicyName, unknown> = { ...POLICY_DEFAULTS };
  for (const { name, field } of fields) values[name] = field.read(from);
  // The only cast: each value has the type of its field.
  return values as Policy;
}

export const isSamePolicy = (one: Policy, other: Policy): boolean =>
  one === other || POLICY_NAMES.every((name) => one[name] === other[name]);
