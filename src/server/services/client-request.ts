import type { Client } from '../../client/api/client.ts';
import { InvalidOptionError } from '../../client/errors.ts';
import { unexpectedResult } from '../../client/result-errors.ts';
import { COMMAND_NAMES, type CommandName, rowOfCommand } from '../../protocol/commands.ts';
import type { OperationResult } from '../../protocol/reply.ts';

/** Commands of a client whose bytes another one cannot choose, or that have a call of their own because of their policy. */
const names = COMMAND_NAMES.filter((name) => rowOfCommand(name).needs !== 'policy' && rowOfCommand(name).isInternal !== true);

export interface ClientRequestProto {
  readonly command: string;
  readonly queue: string;
  readonly fields_json: string;
}

/** Executes one operation by its name. @returns its result as JSON, bytes in base64. */
export async function clientRequest({ command, queue, fields_json }: ClientRequestProto, { dispatcher }: Client) {
  const name = names.find((known) => known === command);
  if (name === undefined) throw new InvalidOptionError('command', command, `Give one of ${names.join(', ')}.`);
  const row = rowOfCommand(name);
  const values = { ...valuesOf(name, parsed(fields_json)), queue };
  const result = await new Promise<OperationResult>((resolve, reject) => {
    const call = { onResult: resolve, onError: reject };
    // The only cast: the values were checked against the fields of the row.
    const write = (encoder: { command(name: CommandName, values: never): void }): void => encoder.command(name, values as never);
    if (row.writes) {
      write(dispatcher.open(fields_json.length));
      dispatcher.commit(call);
    } else dispatcher.query('linearizable', write, call);
  });
  if (!result.ok) throw unexpectedResult(result);
  return {
    result_json: JSON.stringify(result, (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value)),
  };
}

function parsed(json: string): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = json === '' ? {} : JSON.parse(json);
    if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) return fields as Readonly<Record<string, unknown>>;
  } catch {
    // Below.
  }
  throw new InvalidOptionError('fields_json', json, 'Give a JSON object with the fields of the command.');
}

function valuesOf(name: CommandName, given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { fieldList } = rowOfCommand(name);
  const known = fieldList.map((field) => field.name);
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new InvalidOptionError(unknown, given[unknown], `The fields of ${name} are: ${known.join(', ')}.`);
  return Object.fromEntries(fieldList.map(({ name: key, field }) => [key, checkedValue(key, given[key], field.kind)]));
}

function checkedValue(key: string, value: unknown, kind: 'number' | 'boolean' | 'text' | 'texts' | 'bytes'): unknown {
  if (kind === 'bytes' && typeof value === 'string') return new Uint8Array(Buffer.from(value, 'base64'));
  const isValid =
    (kind === 'number' && typeof value === 'number') ||
    (kind === 'boolean' && typeof value === 'boolean') ||
    (kind === 'text' && typeof value === 'string') ||
    (kind === 'texts' && Array.isArray(value) && value.every((one) => typeof one === 'string'));
  if (!isValid) throw new InvalidOptionError(key, value, `Give a ${kind === 'bytes' ? 'text in base64' : kind}.`);
  return value;
}
