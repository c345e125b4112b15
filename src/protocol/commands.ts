import type { Command } from './command.ts';
import { DEDUPLICATION_COMMANDS } from './deduplication-commands.ts';
import { EVENT_COMMANDS } from './event-commands.ts';
import type { Field, ValuesOf } from './fields.ts';
import { FLOW_COMMANDS } from './flow-commands.ts';
import { JOB_COMMANDS } from './job-commands.ts';
import { LOG_COMMANDS } from './log-commands.ts';
import { QUEUE_COMMANDS } from './queue-commands.ts';
import { SCHEDULER_COMMANDS } from './scheduler-commands.ts';
import { TRANSACTION_COMMANDS } from './transaction-commands.ts';

/**
 * Everything that a request can ask for. The encoder, the reader, the checks before the log, the types of the handlers, the functions of
 * recorded histories and docs/commands.md are derived from these rows. `add`, `claim` and `complete`, which most requests consist of,
 * have hand-tuned code in the encoder and the reader; a test compares it with what the rows say.
 */
export const COMMANDS = {
  ...JOB_COMMANDS,
  ...QUEUE_COMMANDS,
  ...SCHEDULER_COMMANDS,
  ...EVENT_COMMANDS,
  ...DEDUPLICATION_COMMANDS,
  ...FLOW_COMMANDS,
  ...LOG_COMMANDS,
  ...TRANSACTION_COMMANDS,
};

export type CommandName = keyof typeof COMMANDS;
type FieldsOf<Name extends CommandName> = (typeof COMMANDS)[Name]['fields'];

/** The arguments of a command: its fields, and the queue that it needs. */
export type Arguments<Name extends CommandName> = ValuesOf<FieldsOf<Name>> &
  ((typeof COMMANDS)[Name]['needs'] extends 'nothing' ? unknown : { readonly queue: string });

type FieldName = { [Name in CommandName]: keyof FieldsOf<Name> }[CommandName];
type ValueOfAny<Key> = { [Name in CommandName]: Key extends keyof FieldsOf<Name> ? ValuesOf<FieldsOf<Name>>[Key] : never }[CommandName];
/** The value of each field that some command has; the bytes of a `payload`, `reason` or `row` are not copied, see {@link OperationReader}. */
export type FieldValues = { [Key in Exclude<FieldName, 'payload' | 'reason' | 'row'>]: ValueOfAny<Key> };

/** In the order of their codes. */
export const COMMAND_NAMES = (Object.keys(COMMANDS) as CommandName[]).sort((one, other) => COMMANDS[one].code - COMMANDS[other].code);

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
