import { type Arguments, COMMAND_NAMES, COMMANDS, type CommandName, type CommandRow, rowOfCommand } from '../protocol/commands.ts';
import { DEDUPLICATION_FIELDS } from '../protocol/deduplication.ts';
import type { Field } from '../protocol/fields.ts';
import { JOB_STATES, type JobState } from '../protocol/job-state.ts';
import { POLICY_FIELDS, type Policy } from '../protocol/policy.ts';
import { type ResultFields, rowOfResult } from '../protocol/results.ts';

/** Identifies a job before it has an id. The client that adds the job chooses it and puts it into the payload. Unique in a history. */
export type JobKey = string | number;

/** Of a job that a job scheduler added: that of the call which set the scheduler, and the number of the tick. */
export const keyOfTick = (key: JobKey, tick: number): JobKey => `${key}#${tick}`;

type Row<Name extends CommandName> = (typeof COMMANDS)[Name];
/** The functions of a history: the commands of protocol/commands.ts that clients decide to send. */
export type OperationFunction = {
  [Name in CommandName]: Row<Name> extends { readonly isInternal: true } ? never : Name;
}[CommandName];

const isFunction = (name: CommandName): name is OperationFunction => rowOfCommand(name).isInternal !== true;
export const FUNCTIONS: readonly OperationFunction[] = COMMAND_NAMES.filter(isFunction);

/** The arguments of a command as a history names them, without payloads and reasons. */
type DerivedCall<Name extends CommandName> = {
  readonly [Key in keyof Arguments<Name> as Key extends 'jobId'
    ? 'job'
    : Key extends 'payload' | 'reason' | 'row'
      ? never
      : Key]: Arguments<Name>[Key];
} & (Row<Name> extends { readonly writes: false } ? { readonly consistency?: string } : unknown);

/** Calls with more or fewer arguments than their commands. Optional ones are missing where the recorder does not know them. */
interface SpecialCalls {
  /**
   * With all options of a job, but another form of the backoff. Those of the job alone are 0 by default, and those of the policy unknown; flags
   * are false. Unless `keepCompleted` (`keepFailed`) is -1, a finished job may be removed at any time.
   */
  readonly add: Partial<Omit<DerivedCall<'add'>, 'queue'> & Omit<Policy, 'backoff'>> & {
    readonly key: JobKey;
    readonly queue: string;
    /** Whether `backoffMs`, the pause after the first failed attempt, doubles with each further one. */
    readonly isBackoffExponential?: boolean;
    /** It is deduplicated: see `Deduplication`. One that found a duplicate failed, or is of unknown outcome if it may be executed later. */
    readonly deduplicationId?: string;
    readonly ttlMs?: number;
    readonly isExtending?: boolean;
    readonly isReplacing?: boolean;
    readonly keepsLast?: boolean;
    /** Of a flow, whose jobs are recorded as an add each: whether it waits for children; the key of its parent, and its rule (`OnFailure`). */
    readonly hasChildren?: boolean;
    readonly parentKey?: JobKey;
    readonly onFailure?: number;
  };
  readonly claim: {
    readonly queue: string;
    readonly countMax: number;
    readonly leaseMs: number;
    /** Default 0. */
    readonly waitMs?: number;
    /** How many jobs the claim starts at most; the others are claimed ahead. Default: all. */
    readonly beginMax?: number;
    /** How often each job may stall before it fails. Unknown by default. */
    readonly stalledMax?: number;
    /** The process that holds the leases. Unknown by default. */
    readonly holder?: number;
    /** A limit of the rate of the queue that it brings: `limiterMax` jobs within `limiterMs`. Default: none. */
    readonly limiterMax?: number;
    readonly limiterMs?: number;
  };
  /** `retry`: false sends it to the dead letters; default true. `backoff`: the job may have to wait for a pause before the next attempt. */
  readonly fail: { readonly job: number; readonly token: number; readonly retry?: boolean; readonly backoff?: boolean };
  /** Each of its jobs has the key {@link keyOfTick}. Without an unknown option all times of ticks are possible. */
  readonly upsertScheduler: Partial<Omit<DerivedCall<'upsertScheduler'>, 'queue'> & Omit<Policy, 'backoff'>> & {
    readonly key: JobKey;
    readonly queue: string;
    readonly scheduler: string;
    readonly isBackoffExponential?: boolean;
  };
  readonly removeDeduplication: { readonly queue: string; readonly deduplicationId: string; readonly holderJobId: number };
  readonly removeScheduler: { readonly queue: string; readonly scheduler: string };
  /** `queue`: the only queue in which the job may be. */
  readonly retry: { readonly job: number; readonly queue?: string };
  readonly remove: { readonly job: number; readonly queue?: string };
  /** `token`: 0 without a lease. `value`: what the progress says. Unknown by default. */
  readonly updateProgress: { readonly queue: string; readonly job: number; readonly token: number; readonly value?: number };
  /** Likewise of the data, which are of value 0 when the job is added. */
  readonly updateData: { readonly queue: string; readonly job: number; readonly token: number; readonly value?: number };
  /** Likewise of a row, which is one of the log. `keepMax`: how many rows it keeps; 0 for as many as the job may have. */
  readonly addLog: DerivedCall<'addLog'> & { readonly value?: number };
}

/** The options of a job as a history has them: how many are kept is unknown where each is kept for a time. */
export function recordedPolicy<P extends Partial<Policy>>(policy: P): Partial<P> {
  const { keepCompleted, keepFailed, ...others } = policy;
  const recorded = {
    ...others,
    ...((policy.keepCompletedMs ?? 0) > 0 && keepCompleted !== 0 ? {} : { keepCompleted }),
    ...((policy.keepFailedMs ?? 0) > 0 && keepFailed !== 0 ? {} : { keepFailed }),
  };
  // The only cast: some fields may be missing.
  return recorded as unknown as Partial<P>;
}

/** The arguments of each call, by function. Of reads, only `linearizable` ones (the default) are checked. */
export type Calls = {
  readonly [F in OperationFunction]: F extends keyof SpecialCalls ? SpecialCalls[F] : DerivedCall<F>;
};

export interface ClaimResult {
  readonly job: number;
  /** Absent when the reply has no payload of the job. */
  readonly key?: JobKey;
  readonly token: number;
  /** 1 for the first attempt. For a job that is claimed ahead: the number of its next attempt. */
  readonly attempt: number;
  /** Whether the claim started it; default true. */
  readonly isBegun?: boolean;
  /** How often in a row it was started and its lease ended. Unknown by default. */
  readonly stalls?: number;
  /** The tick that added it, if a job scheduler did: see `SchedulerTick`. */
  readonly scheduler?: string;
  readonly tick?: number;
  readonly scheduledMs?: number;
}

interface SpecialResults {
  readonly add: { readonly job: number };
  readonly claim: { readonly jobs: readonly ClaimResult[] };
  readonly counts: { readonly [state in JobState]?: number };
  /** Ids in the order of the listing. */
  readonly jobIds: { readonly ids: readonly number[] } & Partial<ResultFields<'jobIds'>>;
  /**
   * `state` is null when there is no such job; `token` is 0 or absent where it is unknown, as are `attempt` (started so far) and `stalls`.
   * `progress`: what it says, 0 for none, and `data` likewise; absent where it is unknown.
   */
  readonly getJob: {
    readonly state: JobState | null;
    readonly key?: JobKey;
    readonly token?: number;
    readonly attempt?: number;
    readonly stalls?: number;
    readonly progress?: number;
    readonly data?: number;
  };
  /** `values`: of the rows, with a space between them; absent where they are unknown. */
  readonly getLogs: { readonly total: number; readonly values?: string };
}

/** The result of each call that took effect, by function; null for one that only takes effect. */
export type Results = {
  readonly [F in OperationFunction]: F extends keyof SpecialResults
    ? SpecialResults[F]
    : Row<F>['result'] extends 'done' | 'removed'
      ? null
      : ResultFields<Row<F>['result']>;
};

/** Whether a function only takes effect: its result is null in a history. */
export const hasNoValue = (f: OperationFunction): boolean => COMMANDS[f].result === 'done' || COMMANDS[f].result === 'removed';

/** The functions that concern one job, named by their call. */
export type JobFunction = { [F in OperationFunction]: Calls[F] extends { readonly job: number } ? F : never }[OperationFunction];

/** A read shows nothing unless it has a result. */
export const isRead = (f: OperationFunction): boolean => !COMMANDS[f].writes;

/** A question mark means "may be missing". */
export type FieldKind = 'number' | 'text' | 'key' | 'boolean' | 'number?' | 'text?' | 'key?' | 'boolean?';
export type FieldKinds = Readonly<Record<string, FieldKind>>;

/** The name of a field in a history. */
export const nameOf = (field: string): string => (field === 'jobId' ? 'job' : field);

function kindsOf({ fieldList, needs, writes }: CommandRow): FieldKinds {
  const kinds: Record<string, FieldKind> = needs === 'nothing' ? {} : { queue: 'text' };
  for (const { name, field } of fieldList) if (field.kind === 'number' || field.kind === 'boolean') kinds[nameOf(name)] = field.kind;
  return writes ? kinds : { ...kinds, consistency: 'text?' };
}

const optionalKind = (name: string, kind: Field<unknown>['kind']): [string, FieldKind][] =>
  kind === 'number' || kind === 'boolean' ? [[name, `${kind}?`]] : [];

const optionsOf = (fields: Readonly<Record<string, Field<unknown>>>): FieldKinds =>
  Object.fromEntries(
    Object.entries({ ...fields, ...POLICY_FIELDS })
      .filter(([name]) => name !== 'backoff')
      .flatMap(([name, { kind }]) => optionalKind(name, kind)),
  );

const SPECIAL_CALL_KINDS: Readonly<Record<keyof SpecialCalls, FieldKinds>> = {
  add: {
    key: 'key',
    queue: 'text',
    ...optionsOf(COMMANDS.add.fields),
    isBackoffExponential: 'boolean?',
    deduplicationId: 'text?',
    ...optionsOf(DEDUPLICATION_FIELDS),
    hasChildren: 'boolean?',
    parentKey: 'key?',
    onFailure: 'number?',
  },
  claim: {
    queue: 'text',
    countMax: 'number',
    leaseMs: 'number',
    waitMs: 'number?',
    beginMax: 'number?',
    stalledMax: 'number?',
    holder: 'number?',
    limiterMax: 'number?',
    limiterMs: 'number?',
  },
  fail: { job: 'number', token: 'number', retry: 'boolean?', backoff: 'boolean?' },
  upsertScheduler: {
    key: 'key',
    queue: 'text',
    scheduler: 'text',
    ...optionsOf(COMMANDS.upsertScheduler.fields),
    isBackoffExponential: 'boolean?',
  },
  removeScheduler: { queue: 'text', scheduler: 'text' },
  removeDeduplication: { queue: 'text', deduplicationId: 'text', holderJobId: 'number' },
  retry: { job: 'number', queue: 'text?' },
  remove: { job: 'number', queue: 'text?' },
  updateProgress: { queue: 'text', job: 'number', token: 'number', value: 'number?' },
  updateData: { queue: 'text', job: 'number', token: 'number', value: 'number?' },
  addLog: { ...kindsOf(rowOfCommand('addLog')), value: 'number?' },
};

const kindsByFunction = (special: Readonly<Record<string, FieldKinds>>, derive: (f: OperationFunction) => FieldKinds) =>
  Object.fromEntries(FUNCTIONS.map((f) => [f, special[f] ?? derive(f)])) as Readonly<Record<OperationFunction, FieldKinds>>;

/** The kinds of the arguments of each function. */
export const CALL_KINDS = kindsByFunction(SPECIAL_CALL_KINDS, (f) => kindsOf(rowOfCommand(f)));

/** The kinds of the fields of each function's result, as far as it is an object of fields. */
export const RESULT_KINDS = kindsByFunction(
  {
    add: { job: 'number' },
    claim: {},
    counts: Object.fromEntries(JOB_STATES.map((state) => [state, 'number?' as const])),
    jobIds: { skipped: 'number?', isOver: 'boolean?', rank: 'number?', tie: 'number?' },
    getJob: { key: 'key?', token: 'number?', attempt: 'number?', stalls: 'number?', progress: 'number?', data: 'number?' },
    getLogs: { total: 'number', values: 'text?' },
  },
  (f) =>
    Object.fromEntries(
      rowOfResult(COMMANDS[f].result).fields.map(({ name, field }) => [name, field.kind === 'boolean' ? 'boolean' : 'number']),
    ),
);
