import { ByteReader, MalformedBytesError } from '../../base/bytes.ts';
import { type ClientFrame, readClientFrames, readServerFrames, type ServerFrame } from '../../protocol/client-frame.ts';
import { InvalidOperationError } from '../../protocol/fields.ts';
import { OPERATIONS_MAX } from '../../protocol/limits.ts';
import { decodeReply } from '../../protocol/reply.ts';
import { peekRequest, readRequestHeader } from '../../protocol/request-encoder.ts';
import { ANY_VERSION, OperationReader } from '../../protocol/request-reader.ts';

/** An administrative command in a packet. */
export interface AuditedCommand {
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}
type Report = (command: AuditedCommand, outcome: string) => void;

interface Pending extends AuditedCommand {
  /** Its place in its request. */
  readonly at: number;
}

/** Requests without a reply; more are reported as unknown. */
const PENDING_MAX = 1_000;

/** The administrative commands of one channel: each is reported once, with its outcome. */
export class PacketAudit {
  readonly #report: Report;
  /** By what its reply repeats. */
  readonly #pending = new Map<string, readonly Pending[]>();

  constructor(report: Report) {
    this.#report = report;
  }

  onPacket(packet: Uint8Array): void {
    for (const frame of unlessMalformed(() => readClientFrames(packet)) ?? []) {
      const key = keyOfFrame(frame);
      const commands = key === undefined || this.#pending.has(key) ? [] : commandsIn(frame);
      if (key === undefined || commands.length === 0) continue;
      if (this.#pending.size < PENDING_MAX) this.#pending.set(key, commands);
      else for (const command of commands) this.#report(plain(command), 'unknown');
    }
  }

  /** A packet for the client. */
  onReplies(packet: Uint8Array): void {
    if (this.#pending.size === 0) return;
    for (const frame of unlessMalformed(() => readServerFrames(packet)) ?? []) {
      const reply = repliedIn(frame);
      const commands = reply === undefined ? undefined : this.#pending.get(reply.key);
      if (reply === undefined || commands === undefined) continue;
      this.#pending.delete(reply.key);
      for (const command of commands) this.#report(plain(command), reply.outcomeAt(command.at));
    }
  }

  onEnd(): void {
    for (const commands of this.#pending.values()) for (const command of commands) this.#report(plain(command), 'unknown');
    this.#pending.clear();
  }
}

const plain = ({ command, arguments: given }: Pending): AuditedCommand => ({ command, arguments: given });
const keyOfCall = (call: number): string => `call ${call}`;
const keyOfRequest = (client: number, sequence: number): string => `${client}/${sequence}`;

function keyOfFrame(frame: ClientFrame): string | undefined {
  if (frame.type === 'change' || frame.type === 'transfer') return keyOfCall(frame.call);
  const address = frame.type === 'request' ? peekRequest(frame.request) : undefined;
  return address === undefined ? undefined : keyOfRequest(address.client, address.sequence);
}

function commandsIn(frame: ClientFrame): readonly Pending[] {
  if (frame.type === 'request') return unlessMalformed(() => operationsOf(frame.request)) ?? [];
  if (frame.type !== 'change' && frame.type !== 'transfer') return [];
  const { type, call: _, ...given } = frame;
  return [{ at: 0, command: type === 'change' ? 'change members' : 'transfer leadership', arguments: given }];
}

function operationsOf(request: Uint8Array): readonly Pending[] {
  const reader = new ByteReader(request);
  const { operations } = readRequestHeader(reader);
  const operation = new OperationReader();
  const found: Pending[] = [];
  for (let at = 0; at < Math.min(operations, OPERATIONS_MAX); at += 1) {
    const { name, permission, fieldList, needs } = operation.next(reader, ANY_VERSION);
    if (permission !== 'operate') continue;
    // The only cast: each name of a row is a field of the reader.
    const values = operation as unknown as Readonly<Record<string, unknown>>;
    const fields = fieldList.filter(({ field }) => !field.isVariable).map(({ name: field }) => [field, values[field]]);
    const queue = needs === 'nothing' ? {} : { queue: operation.queueName };
    found.push({ at, command: name, arguments: { ...queue, ...Object.fromEntries(fields) } });
  }
  return found;
}

interface Replied {
  readonly key: string;
  readonly outcomeAt: (place: number) => string;
}

function repliedIn(frame: ServerFrame): Replied | undefined {
  switch (frame.type) {
    case 'done':
      return { key: keyOfCall(frame.call), outcomeAt: () => 'done' };
    case 'admin-rejected':
      return { key: keyOfCall(frame.call), outcomeAt: () => frame.reason };
    case 'rejected': {
      const { client, sequence, code } = frame;
      return { key: keyOfRequest(client, sequence), outcomeAt: () => code };
    }
    case 'reply': {
      const { client, sequence, results } = decodeReply(frame.reply);
      const outcomeAt = (place: number): string => {
        const result = results[place];
        return result === undefined ? 'unknown' : result.ok ? 'done' : result.code;
      };
      return { key: keyOfRequest(client, sequence), outcomeAt };
    }
    default:
      return undefined;
  }
}

function unlessMalformed<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedBytesError || error instanceof InvalidOperationError) return undefined;
    throw error;
  }
}
