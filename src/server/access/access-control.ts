import { type Metadata, type ServiceDefinition, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { JobraftError } from '../../base/errors.ts';
import { parseGivenJobId } from '../../client/api/job-id.ts';
import type { AuditLog } from '../../logs/audit-log.ts';
import { COMMAND_NAMES, rowOfCommand } from '../../protocol/commands.ts';
import { type Demand, demandOf } from '../../protocol/demands.ts';
import type { QueueOfJob } from '../../queue/queue-of-job.ts';
import type { AccessTokens, Grant } from '../../security/access-tokens.ts';
import { type CallRejection, clientGuard, type Guard, type ServerCall } from '../../transport/grpc/caller.ts';
import type { GrpcServer } from '../../transport/grpc/grpc-server.ts';
import type { PacketCall } from '../../transport/grpc/packet-exchange.ts';
import { Audit } from './audit.ts';
import { operationsIn, postponePacket, type ScreenedPacket, screenPacket } from './packet-screen.ts';
import { denialOf } from './permit.ts';
import { RPC_DEMANDS, type RpcDemand } from './rpc-demands.ts';

const AUTHORIZATION = 'authorization';
const REMEDY =
  'Give a token that "jobraft tokens add" made: the option "token" of connect(), --token-file, or the metadata "authorization: Bearer <token>".';

export interface AccessControlOptions {
  /** Undefined where clients need no token. */
  readonly tokens: AccessTokens | undefined;
  /** Undefined: nothing is written. */
  readonly auditLog: AuditLog | undefined;
  readonly server: Pick<GrpcServer, 'addService' | 'callerOf' | 'takeRequests' | 'onRejected'>;
  /** Whether the operations of a client are counted. */
  readonly isRateBounded: boolean;
  /** By the state of this node. */
  readonly queueOf: (jobId: number) => QueueOfJob;
}

/** What clients may do, by their tokens and their bounds. Nodes need none: a certificate says who they are. */
export class AccessControl {
  readonly #options: AccessControlOptions;
  readonly audit: Audit;
  /** Of calls in progress: each is looked up once for each version of the file. */
  readonly #grants = new WeakMap<Metadata, { readonly version: number; readonly grant: Grant | string }>();

  constructor(options: AccessControlOptions) {
    const { auditLog: log, server } = options;
    this.#options = options;
    this.audit = new Audit({ log, server, tokenOf: ({ metadata }) => this.tokenOf(metadata) });
  }

  /** Serves clients. */
  addService(name: keyof typeof RPC_DEMANDS, service: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#options.server.addService(service, this.audit.ofCalls(name, implementation), this.#guard(name), this.tokenOf);
  }

  /** For the calls of one service. */
  #guard(service: keyof typeof RPC_DEMANDS): Guard {
    if (this.#options.tokens === undefined) return clientGuard;
    const demands = RPC_DEMANDS[service];
    return (caller, method, call) => {
      const rejection = clientGuard(caller, method, call);
      if (rejection !== undefined || caller.type === 'node') return rejection;
      const grant = this.#grantOf(call.metadata);
      if (typeof grant === 'string') return { code: status.UNAUTHENTICATED, details: `${grant} ${REMEDY}` };
      const denied = this.#firstRejection(grant, demandsOfCall(method, demands[method], requestIn(call)));
      if (denied?.code === status.PERMISSION_DENIED) this.audit.onDenied(call, service, method);
      return denied;
    };
  }

  /** The name of the token of a call; undefined without one that counts. */
  readonly tokenOf = (metadata: Metadata): string | undefined => {
    const grant = this.#grantOf(metadata);
    return typeof grant === 'string' ? undefined : grant.name;
  };

  /** A packet of the call Exchange. */
  readonly screen = (call: PacketCall, packet: Uint8Array): ScreenedPacket => {
    const { server } = this.#options;
    this.audit.onPacket(call, packet);
    if (server.callerOf(call.getPeer()).type === 'node') return { passed: packet };
    const permitted = this.#permitted(call.metadata, packet);
    if (permitted.reply !== undefined) server.onRejected(call, this.tokenOf(call.metadata));
    return permitted.passed === undefined ? permitted : this.#inTime(call, permitted.passed, permitted);
  };

  /** What of the packet the client's rate permits now. @param permitted the packet before this. */
  #inTime(call: PacketCall, packet: Uint8Array, permitted: ScreenedPacket): ScreenedPacket {
    const { server, isRateBounded } = this.#options;
    if (!isRateBounded) return permitted;
    const token = this.tokenOf(call.metadata);
    const waitMs = server.takeRequests(call, token, operationsIn(packet));
    if (waitMs === 0) return permitted;
    server.onRejected(call, token);
    const { passed, reply } = postponePacket(packet, waitMs);
    const replies = [permitted.reply, reply].filter((one) => one !== undefined);
    return { passed, reply: replies.length === 0 ? undefined : Buffer.concat(replies) };
  }

  #permitted(metadata: Metadata, packet: Uint8Array): ScreenedPacket {
    if (this.#options.tokens === undefined) return { passed: packet };
    const grant = this.#grantOf(metadata);
    // The call is about to end.
    if (typeof grant === 'string') return { passed: undefined };
    if (grant.permissions.has('operate') && grant.queues === undefined) return { passed: packet };
    return screenPacket(packet, (demand) => denialOf(grant, demand, this.#options.queueOf));
  }

  #grantOf(metadata: Metadata): Grant | string {
    const { tokens } = this.#options;
    if (tokens === undefined) return 'No tokens are used.';
    const known = this.#grants.get(metadata);
    if (known?.version === tokens.version) return known.grant;
    const [header] = metadata.get(AUTHORIZATION);
    const grant = tokens.grantOf(header === undefined ? undefined : String(header));
    this.#grants.set(metadata, { version: tokens.version, grant });
    return grant;
  }

  #firstRejection(grant: Grant, demands: readonly Demand[]): CallRejection | undefined {
    const rejections = demands.map((demand) => this.#rejectionOf(grant, demand)).filter((rejection) => rejection !== undefined);
    return rejections.find(({ code }) => code === status.PERMISSION_DENIED) ?? rejections[0];
  }

  #rejectionOf(grant: Grant, demand: Demand): CallRejection | undefined {
    const denial = denialOf(grant, demand, this.#options.queueOf);
    if (denial === undefined) return undefined;
    return { code: denial.isTemporary ? status.UNAVAILABLE : status.PERMISSION_DENIED, details: denial.message };
  }
}

/** What a message has, if it is the request of a call. */
interface NamedFields {
  readonly queue?: unknown;
  readonly id?: unknown;
  readonly command?: unknown;
  readonly fields_json?: unknown;
  readonly root?: unknown;
  readonly operations?: unknown;
}

/** Of a flow. The loader makes the messages by their proto. */
function queuesBelow(root: unknown): string[] {
  const queues = new Set<string>();
  const jobs = [root as { readonly queue: string; readonly children: readonly unknown[] } | null | undefined];
  // The list grows while it is read.
  for (const job of jobs) {
    if (job === null || job === undefined) continue;
    queues.add(job.queue);
    jobs.push(...(job.children as typeof jobs));
  }
  return [...queues];
}

// The loader makes the messages by their proto.
const requestIn = (call: ServerCall): NamedFields => ('request' in call ? call.request : {}) as NamedFields;

/** Of a transaction what each of its operations needs. */
function demandsOfCall(what: string, demand: RpcDemand | undefined, request: NamedFields): readonly Demand[] {
  if (demand?.reach === 'inside' && Array.isArray(request.operations)) return request.operations.flatMap(demandsOfOperation);
  const one = demandOfCall(what, demand, request);
  return one === undefined ? [] : [one];
}

/** @param operation of a transaction: the field that is set has the name of its call. */
function demandsOfOperation(operation: { readonly operation?: string } & Readonly<Record<string, unknown>>): readonly Demand[] {
  const { operation: field = '' } = operation;
  const method = field.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return demandsOfCall(method, RPC_DEMANDS.Jobs[method], (operation[field] ?? {}) as NamedFields);
}

/** @returns undefined for a call whose request says nothing that could be executed. */
function demandOfCall(what: string, demand: RpcDemand | undefined, request: NamedFields): Demand | undefined {
  if (demand === undefined) return { what, permission: 'operate', reach: { type: 'all' } };
  const { permission, reach } = demand;
  const queue = String(request.queue ?? '');
  switch (reach) {
    case 'queue':
      return { what, permission, reach: { type: 'queue', queue } };
    case 'job': {
      const jobId = jobIdIn(request.id);
      return jobId === undefined ? undefined : { what, permission, reach: { type: 'job', jobId } };
    }
    case 'queues':
      return { what, permission, reach: { type: 'queues', queues: queuesBelow(request.root) } };
    case 'inside':
      return 'command' in request ? demandOfNamed(request, queue) : { what, permission, reach: { type: 'own' } };
    default:
      return { what, permission, reach: { type: reach } };
  }
}

/** Of a command by its name. */
function demandOfNamed({ command, fields_json }: NamedFields, queue: string): Demand | undefined {
  const name = COMMAND_NAMES.find((known) => known === command);
  if (name === undefined) return undefined;
  let fields: unknown;
  try {
    fields = JSON.parse(String(fields_json) || '{}');
  } catch {
    return undefined;
  }
  const jobId = typeof fields === 'object' && fields !== null && 'jobId' in fields ? Number(fields.jobId) : 0;
  return demandOf(rowOfCommand(name), { queue, jobId });
}

function jobIdIn(id: unknown): number | undefined {
  try {
    return parseGivenJobId(id);
  } catch (error) {
    if (error instanceof JobraftError) return undefined;
    throw error;
  }
}
