import {
  countMax,
  customId,
  durationMs,
  type Field,
  type Fields,
  f64,
  flag,
  holder,
  jobId,
  leaseMs,
  listedState,
  payload,
  payloadWithId,
  reason,
  token,
  u32,
  u32Between,
  type ValuesOf,
} from './fields.ts';
import { PRIORITY_MAX, STALLED_MAX } from './limits.ts';
import type { Permission } from './permission.ts';
import type { ResultName } from './results.ts';

/** What is selected in the request before the operation: nothing, a queue, or a queue and a policy of jobs. */
type Selection = 'nothing' | 'queue' | 'policy';

export interface Command {
  /** Never used for anything else: codes of commands that are gone stay reserved, and a test asserts each. */
  readonly code: number;
  /** The state-machine versions that have it, from one to another. Undefined: it is executed outside of the log, by any version. */
  readonly versions: readonly [first: number, last: number] | undefined;
  /** What an operation needs to have selected. */
  readonly needs: Selection;
  /** False: it changes nothing, and may be sent as a query. */
  readonly writes: boolean;
  /** What a token has to permit for it. */
  readonly permission: Permission;
  /** True: a node may send it itself, outside of any session. It changes nothing when it is executed a second time. */
  readonly isRepeatable?: boolean;
  /**
   * True: recorded histories leave it out, since it is internal to a client, no checker judges it, or it is of version 1, whose commands are
   * recorded under the newer name.
   */
  readonly isInternal?: boolean;
  /** In the order of their bytes, behind the code. Only the last one may be of variable size. */
  readonly fields: Fields;
  /** The result of a good outcome. */
  readonly result: ResultName;
  /** One sentence, for the documentation. */
  readonly about: string;
}

const EVER = Number.POSITIVE_INFINITY;
const LEASE = { jobId, token };

/**
 * Everything that a request can ask for. The encoder, the reader, the checks before the log, the types of the handlers, the functions of
 * recorded histories and docs/commands.md are derived from these rows. `add`, `claim` and `complete`, which most requests consist of,
 * have hand-tuned code in the encoder and the reader; a test compares it with what the rows say.
 */
export const COMMANDS = defineCommands({
  openSession: {
    code: 3,
    versions: [1, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'read',
    isInternal: true,
    fields: {},
    result: 'opened',
    about: 'Registers a client. Alone in its request, which names a random number as its client and the sequence 1.',
  },
  add: {
    code: 4,
    versions: [1, EVER],
    needs: 'policy',
    writes: true,
    permission: 'add',
    fields: {
      delayMs: durationMs('delay'),
      priority: u32Between(0, PRIORITY_MAX, (priority) => `A job has the priority ${priority}`),
      payload,
    },
    result: 'added',
    about: 'Adds a job to the selected queue, with the selected policy. Priority 0 is served first.',
  },
  claim1: {
    code: 5,
    versions: [1, 1],
    needs: 'queue',
    writes: true,
    permission: 'work',
    isInternal: true,
    fields: { countMax: countMax('jobs'), leaseMs, waitMs: durationMs('wait') },
    result: 'claimed1',
    about: 'A claim of version 1: each job that it takes begins at once.',
  },
  extend: {
    code: 6,
    versions: [1, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'work',
    fields: { ...LEASE, leaseMs },
    result: 'done',
    about: "The lease then ends leaseMs after the log's time of this request.",
  },
  complete: {
    code: 7,
    versions: [1, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'work',
    fields: { ...LEASE, payload },
    result: 'done',
    about: 'Ends a job with its result. Implies begin.',
  },
  fail: {
    code: 8,
    versions: [1, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'work',
    fields: { ...LEASE, retry: flag, reason },
    result: 'done',
    about: 'Ends an attempt. Without retry, the job has failed for good even if it has attempts left. Implies begin.',
  },
  release: {
    code: 9,
    versions: [1, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'work',
    isRepeatable: true,
    fields: LEASE,
    result: 'done',
    about: 'Gives a claimed job back; the attempt does not count.',
  },
  counts: {
    code: 10,
    versions: [1, EVER],
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {},
    result: 'counts',
    about: 'How many jobs of the selected queue are in each state.',
  },
  getJob: {
    code: 11,
    versions: [1, EVER],
    needs: 'nothing',
    writes: false,
    permission: 'read',
    fields: { jobId },
    result: 'job',
    about: 'A job with its payload and outcome.',
  },
  retry1: {
    code: 12,
    versions: [1, 1],
    needs: 'nothing',
    writes: true,
    permission: 'operate',
    isInternal: true,
    fields: { jobId },
    result: 'done',
    about: 'A retry of version 1, of a job of any queue.',
  },
  remove1: {
    code: 13,
    versions: [1, 1],
    needs: 'nothing',
    writes: true,
    permission: 'operate',
    isInternal: true,
    fields: { jobId },
    result: 'done',
    about: 'A remove of version 1, of a job of any queue.',
  },
  claim: {
    code: 14,
    versions: [2, EVER],
    needs: 'queue',
    writes: true,
    permission: 'work',
    fields: {
      countMax: countMax('jobs'),
      beginMax: u32,
      leaseMs,
      waitMs: durationMs('wait'),
      stalledMax: u32Between(0, STALLED_MAX, (stalls) => `A claim allows ${stalls} stalls`),
      holder,
    },
    result: 'claimed',
    about: 'Takes waiting jobs of the selected queue, each under a lease. Up to beginMax of those that never stalled begin at once.',
  },
  begin: {
    code: 15,
    versions: [2, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'work',
    fields: LEASE,
    result: 'done',
    about: 'A job that was claimed ahead begins: a lease that expires from now on counts a stall.',
  },
  retry: {
    code: 16,
    versions: [2, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { jobId },
    result: 'done',
    about: 'A failed job of the selected queue becomes waiting again, with all its attempts.',
  },
  remove: {
    code: 17,
    versions: [2, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { jobId },
    result: 'done',
    about: 'Removes a job of the selected queue that is not active.',
  },
  releaseHolder: {
    code: 18,
    versions: [2, EVER],
    needs: 'nothing',
    writes: true,
    permission: 'work',
    isRepeatable: true,
    fields: { holder },
    result: 'done',
    about:
      'The process that held these leases is gone: all of them end now. If there are more than DUE_PER_ENTRY_MAX, shorten the others first.',
  },
  heldJobs: {
    code: 19,
    versions: undefined,
    needs: 'nothing',
    writes: false,
    permission: 'work',
    isInternal: true,
    fields: { holder, countMax: countMax('held jobs') },
    result: 'held',
    about: 'The jobs that this holder has under a lease, in no order.',
  },
  pause: {
    code: 20,
    versions: [4, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { isPaused: flag },
    result: 'done',
    about: 'While the selected queue is paused, claims take nothing from it; jobs are added, and jobs under a lease go on.',
  },
  isPaused: {
    code: 21,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {},
    result: 'paused',
    about: 'Whether the selected queue is paused.',
  },
  jobIds: {
    code: 23,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    fields: {
      state: listedState,
      isDescending: flag,
      afterRank: f64,
      afterTie: f64,
      start: u32,
      countMax: countMax('listed jobs'),
    },
    result: 'jobIds',
    about:
      "Ids of the selected queue's jobs in one state, in its order: those behind the place (afterRank, afterTie), without the first `start`. " +
      'May return fewer: continue behind the place that the result names, until it is over.',
  },
  queueNames: {
    code: 24,
    versions: undefined,
    needs: 'nothing',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { after: f64, countMax: countMax('queue names') },
    result: 'queueNames',
    about:
      'Names of the queues that have jobs or are paused, in the order in which they came to be: those behind the number `after`, as a result ' +
      'names it; 0 for the first.',
  },
  promote: {
    code: 25,
    versions: [6, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { jobId },
    result: 'done',
    about: 'A delayed job of the selected queue becomes waiting now.',
  },
  clean: {
    code: 26,
    versions: [6, EVER],
    needs: 'queue',
    writes: true,
    permission: 'operate',
    fields: { jobId, state: listedState, graceMs: durationMs('grace period') },
    result: 'removed',
    about:
      'Removes a job of the selected queue if it is in this state, which is not active, and was added, or finished if it is, at least graceMs ago; 0 for any age.',
  },
  addWithId: {
    code: 27,
    versions: [6, EVER],
    needs: 'policy',
    writes: true,
    permission: 'add',
    isInternal: true,
    fields: {
      delayMs: durationMs('delay'),
      priority: u32Between(0, PRIORITY_MAX, (priority) => `A job has the priority ${priority}`),
      payload: payloadWithId,
    },
    result: 'added',
    about:
      'An add of a job with an id that its client chose. If the selected queue has a job with this id, nothing changes, and the result names that one.',
  },
  findJob: {
    code: 28,
    versions: undefined,
    needs: 'queue',
    writes: false,
    permission: 'read',
    isInternal: true,
    fields: { customId },
    result: 'job',
    about: 'The job of the selected queue that has this custom id, with its payload and outcome.',
  },
});

function defineCommands<const Rows extends Readonly<Record<string, Command>>>(rows: Rows): Rows {
  return rows;
}

export type CommandName = keyof typeof COMMANDS;
type FieldsOf<Name extends CommandName> = (typeof COMMANDS)[Name]['fields'];

/** The arguments of a command: its fields, and the queue that it needs. */
export type Arguments<Name extends CommandName> = ValuesOf<FieldsOf<Name>> &
  ((typeof COMMANDS)[Name]['needs'] extends 'nothing' ? unknown : { readonly queue: string });

type FieldName = { [Name in CommandName]: keyof FieldsOf<Name> }[CommandName];
type ValueOfAny<Key> = { [Name in CommandName]: Key extends keyof FieldsOf<Name> ? ValuesOf<FieldsOf<Name>>[Key] : never }[CommandName];
/** The value of each field that some command has; the bytes of a `payload` or `reason` are not copied, see {@link OperationReader}. */
export type FieldValues = { [Key in Exclude<FieldName, 'payload' | 'reason'>]: ValueOfAny<Key> };

export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

/** A row with what is derived from it. */
export interface CommandRow extends Command {
  readonly name: CommandName;
  readonly fieldList: readonly { readonly name: string; readonly field: Field<unknown> }[];
  /** Bytes of its fields, without a text or blob at their end. */
  readonly fixedBytes: number;
  readonly endsWithBytes: boolean;
}

function rowOf(name: CommandName): CommandRow {
  const command: Command = COMMANDS[name];
  const fieldList = Object.entries(command.fields).map(([key, field]) => ({ name: key, field }));
  const fixedBytes = fieldList.reduce((sum, { field }) => sum + (field.isVariable ? 0 : field.bytes), 0);
  return { ...command, name, fieldList, fixedBytes, endsWithBytes: fieldList.at(-1)?.field.isVariable === true };
}

/** By code; undefined for a code that no command has. */
export const COMMAND_OF_CODE: readonly (CommandRow | undefined)[] = COMMAND_NAMES.reduce<(CommandRow | undefined)[]>((rows, name) => {
  rows[COMMANDS[name].code] = rowOf(name);
  return rows;
}, []);

export const rowOfCommand = (name: CommandName): CommandRow => COMMAND_OF_CODE[COMMANDS[name].code] as CommandRow;

/** In front of the operations that it selects a queue for, as the codes of policies are (see policy.ts). Not counted as operations. */
export const SELECT_QUEUE_CODE = 1;
