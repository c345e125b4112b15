import type { EventEmitter } from 'node:events';
import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { AuditLog } from '../../logs/audit-log.ts';
import { COMMAND_NAMES, rowOfCommand } from '../../protocol/commands.ts';
import type { ServerCall } from '../../transport/grpc/caller.ts';
import type { GrpcServer } from '../../transport/grpc/grpc-server.ts';
import type { PacketCall } from '../../transport/grpc/packet-exchange.ts';
import { PacketAudit } from './packet-audit.ts';
import { RPC_DEMANDS } from './rpc-demands.ts';

export interface AuditOptions {
  /** Undefined: nothing is written. */
  readonly log: AuditLog | undefined;
  readonly server: Pick<GrpcServer, 'callerOf'>;
  readonly tokenOf: (call: ServerCall) => string | undefined;
}

type Reply = (error: { readonly code: number } | null, ...rest: readonly unknown[]) => void;

/** Writes what clients change of the cluster, and of queues and jobs that they do not work on. */
export class Audit {
  readonly #options: AuditOptions;
  readonly #channels = new WeakMap<PacketCall, PacketAudit>();

  constructor(options: AuditOptions) {
    this.#options = options;
  }

  /** The same calls, of which administrative ones are written with their outcome. */
  ofCalls(service: keyof typeof RPC_DEMANDS, implementation: UntypedServiceImplementation): UntypedServiceImplementation {
    if (this.#options.log === undefined) return implementation;
    return Object.fromEntries(
      Object.entries(implementation).map(([method, handle]) => {
        const { permission, reach } = RPC_DEMANDS[service][method] ?? {};
        if (permission !== 'operate' && reach !== 'inside') return [method, handle];
        const audited = (call: ServerCall, reply: Reply | undefined): void => {
          const write = (outcome: string): void => this.#write(call, method, requestOf(call), outcome);
          if (reply === undefined) {
            // Once its connection is lost, the call has no caller any more.
            const line = { ...this.#whoOf(call), command: method, arguments: requestOf(call) };
            if (permission === 'operate') onEndOf(call, (outcome) => this.#options.log?.write({ ...line, outcome }));
            Reflect.apply(handle, undefined, [call]);
            return;
          }
          const writing: Reply = (error, ...rest) => {
            write(error === null ? 'done' : nameOf(error));
            reply(error, ...rest);
          };
          const isAdministrative = permission === 'operate' || isAdministrativeRequest(call);
          Reflect.apply(handle, undefined, [call, isAdministrative ? writing : reply]);
        };
        return [method, audited];
      }),
    );
  }

  /** A call was rejected before it was served. */
  onDenied(call: ServerCall, service: keyof typeof RPC_DEMANDS, method: string): void {
    if (RPC_DEMANDS[service][method]?.permission === 'operate' || isAdministrativeRequest(call))
      this.#write(call, method, requestOf(call), 'ACCESS_DENIED');
  }

  /** A packet of a client arrived, before anything is taken out of it. */
  onPacket(call: PacketCall, packet: Uint8Array): void {
    if (this.#options.log === undefined || this.#options.server.callerOf(call.getPeer()).type === 'node') return;
    this.#channelOf(call).onPacket(packet);
  }

  /** A packet is sent to a client. */
  readonly onReplies = (call: PacketCall, packet: Uint8Array): void => this.#channels.get(call)?.onReplies(packet);

  readonly onEnd = (call: PacketCall): void => this.#channels.get(call)?.onEnd();

  #channelOf(call: PacketCall): PacketAudit {
    const known = this.#channels.get(call);
    if (known !== undefined) return known;
    // Once the channel is lost, its connection has no caller any more.
    const who = this.#whoOf(call);
    const channel = new PacketAudit((command, outcome) => this.#options.log?.write({ ...who, ...command, outcome }));
    this.#channels.set(call, channel);
    return channel;
  }

  #write(call: ServerCall, command: string, given: Readonly<Record<string, unknown>>, outcome: string): void {
    this.#options.log?.write({ ...this.#whoOf(call), command, arguments: given, outcome });
  }

  #whoOf(call: ServerCall): { readonly who: string; readonly from: string } {
    const from = call.getPeer();
    const caller = this.#options.server.callerOf(from);
    const token = this.#options.tokenOf(call);
    const certificate = caller.type === 'client' ? `client ${caller.name}` : caller.type === 'node' ? `node ${caller.node}` : caller.type;
    return { who: token === undefined ? certificate : `token ${token} (${certificate})`, from };
  }
}

const nameOf = ({ code }: { readonly code: number }): string => status[code] ?? String(code);

/** Of a stream of replies. */
function onEndOf(call: EventEmitter, write: (outcome: string) => void): void {
  let isOver = false;
  const over = (outcome: string): void => {
    if (!isOver) write(outcome);
    isOver = true;
  };
  call.on('error', (error) => over(nameOf(error)));
  call.on('cancelled', () => over('CANCELLED'));
  call.on('finish', () => over('done'));
}

// The loader makes the messages by their proto; none of an administrative call has a payload.
const requestOf = (call: ServerCall): Readonly<Record<string, unknown>> =>
  'request' in call ? { ...(call.request as Readonly<Record<string, unknown>>) } : {};

/** ClientRequest with such a command. */
function isAdministrativeRequest(call: ServerCall): boolean {
  const { command } = requestOf(call);
  const name = COMMAND_NAMES.find((known) => known === command);
  return name !== undefined && rowOfCommand(name).permission === 'operate';
}
