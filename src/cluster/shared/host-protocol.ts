import { z } from 'zod';
import { HandshakeError } from '../../base/errors.ts';
import { CHANNEL_PROTOCOL, parseJsonFrame } from '../../transport/handshake.ts';
import type { Cluster } from '../cluster.ts';
import type { ErrorRecord } from './remote-error.ts';

/**
 * The frames between the process that hosts the nodes and each process that uses them, as JSON. They carry no jobs: those travel between
 * a client and a node's own socket.
 */

/** Calls of a cluster that its host executes. */
export const HOST_METHODS = [
  'leader',
  'waitForLeader',
  'metrics',
  'samples',
  'replicaStates',
  'stop',
  'restart',
  'repair',
  'backup',
  'members',
  'addNode',
  'removeNode',
  'changeMembers',
  'transferLeadership',
] as const satisfies readonly (keyof Cluster)[];
export type HostMethod = (typeof HOST_METHODS)[number];

/** The first frame of a process. */
export interface ProcessHello {
  readonly protocol: number;
  readonly pid: number;
  /** The id under which it holds leases. */
  readonly holder: number;
  readonly nodes: readonly number[];
  readonly durability: 'full' | 'off';
}

/** What a process has to know of the cluster. */
export interface HostState {
  readonly nodes: readonly number[];
  readonly running: readonly number[];
  /** See {@link Cluster.outageCause}. */
  readonly outage?: ErrorRecord | undefined;
  /** The leases of processes that had ended when this host took over are released. */
  readonly isReleased: boolean;
}

/** The reply to the first frame. */
export interface HostWelcome {
  readonly cluster: number;
  readonly pid: number;
  readonly state: HostState;
}

export type ProcessFrame =
  | { readonly type: 'ping' }
  | { readonly type: 'call'; readonly call: number; readonly method: HostMethod; readonly args: readonly unknown[] };

export type HostFrame =
  | { readonly type: 'pong' }
  | { readonly type: 'state'; readonly state: HostState }
  | { readonly type: 'value'; readonly call: number; readonly value?: unknown }
  | { readonly type: 'error'; readonly call: number; readonly error: ErrorRecord };

const HELLO = z.object({
  protocol: z.int(),
  pid: z.int(),
  holder: z.int().min(1),
  nodes: z.array(z.int().min(1)),
  durability: z.enum(['full', 'off']),
});
const ERROR = z.object({ name: z.string(), message: z.string(), stack: z.string(), fields: z.record(z.string(), z.unknown()) });
const STATE = z.object({
  nodes: z.array(z.int()),
  running: z.array(z.int()),
  outage: ERROR.optional(),
  isReleased: z.boolean(),
});
const WELCOME = z.object({ cluster: z.int(), pid: z.int(), state: STATE });
const PROCESS_FRAME = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('call'), call: z.int(), method: z.enum(HOST_METHODS), args: z.array(z.unknown()) }),
]);
const HOST_FRAME = z.discriminatedUnion('type', [
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('state'), state: STATE }),
  z.object({ type: z.literal('value'), call: z.int(), value: z.unknown().optional() }),
  z.object({ type: z.literal('error'), call: z.int(), error: ERROR }),
]);

const OTHER_RELEASE = 'Use the same release of jobraft in all processes that share the folder.';

/** @throws {HandshakeError} */
export function parseHello(value: unknown): ProcessHello {
  const hello = parsed(HELLO, value);
  if (hello.protocol !== CHANNEL_PROTOCOL)
    throw new HandshakeError(
      `The process ${hello.pid} speaks version ${hello.protocol} of the channel's protocol, the host of the nodes version ${CHANNEL_PROTOCOL}. ${OTHER_RELEASE}`,
    );
  return hello;
}

/** @throws {HandshakeError} */
export const parseWelcome = (value: unknown): HostWelcome => parsed(WELCOME, value);

/** @throws {HandshakeError} */
export const parseProcessFrame = (frame: Uint8Array): ProcessFrame => parsed(PROCESS_FRAME, parseJsonFrame(frame));

/** @throws {HandshakeError} */
export const parseHostFrame = (frame: Uint8Array): HostFrame => parsed(HOST_FRAME, parseJsonFrame(frame));

function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (!result.success) throw new HandshakeError(`The other process does not speak this protocol. ${OTHER_RELEASE}`);
  return result.data;
}
