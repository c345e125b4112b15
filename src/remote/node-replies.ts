import { type ServiceError, status as Status } from '@grpc/grpc-js';
import { AccessDeniedError, ClusterReplacedError } from '../client/outage-errors.ts';
import { LEADER, type NodeStatusProto } from '../transport/grpc/cluster-service.ts';

/** What a node replied when it was asked for its state. */
export type NodeReply = NodeStatusProto | ServiceError;

export const statusesOf = (replies: readonly NodeReply[]): NodeStatusProto[] =>
  replies.filter((reply): reply is NodeStatusProto => 'node' in reply);

/** The leader of the highest term. */
export const leaderIn = (statuses: readonly NodeStatusProto[]): NodeStatusProto | undefined =>
  statuses.filter(({ state }) => state === LEADER).toSorted((one, other) => other.term - one.term)[0];

/** All nodes that replied reject this client; repeating the call would not help. */
export function deniedIn(replies: readonly NodeReply[]): AccessDeniedError | undefined {
  const errors = replies.filter((reply): reply is ServiceError => 'details' in reply);
  const denied = errors.find(({ code }) => code === Status.UNAUTHENTICATED || code === Status.PERMISSION_DENIED);
  return denied === undefined ? undefined : new AccessDeniedError(denied.details);
}

export const reasonOf = (replies: readonly NodeReply[]): string =>
  replies.map((reply) => ('details' in reply ? reply.details : '')).find((details) => details !== '') ?? '';

export function wrongAddress(node: number, address: string | undefined, reply: NodeReply): string[] {
  if (!('node' in reply) || reply.node === node) return [];
  return [`At ${address}, the address of node ${node}, is node ${reply.node}. Correct the addresses in "nodes".`];
}

export const rejectionsIn = ({ node, unreachable }: NodeStatusProto): string[] =>
  unreachable
    .filter(({ reason }) => reason !== '')
    .map(({ node: peer, reason }) => `Node ${node} is rejected at the address of node ${peer}: ${reason}`);

/** Why a node did not reply. */
export function silenceOf(node: number, address: string | undefined, reply: NodeReply): string[] {
  if (!('details' in reply)) return [];
  // gRPC's own words around the system's reason.
  const reason = reply.details.replace(/^No connection established\. Last error: (?:Error: )?/, '').replace(/\.? Resolution note:.*$/s, '');
  return [`Node ${node} does not reply at ${address} (${reason}). Its own output says why, if it has ended.`];
}

/** @param cluster that the program connected to: none of these is of it. */
export function replacedIn(statuses: readonly NodeStatusProto[], cluster: number): ClusterReplacedError | undefined {
  const [first] = statuses;
  if (first === undefined || statuses.some((status) => status.cluster === cluster)) return undefined;
  return new ClusterReplacedError(
    `The nodes that reply (${statuses.map(({ node }) => node).join(', ')}) belong to another cluster now, with the id ${first.cluster}: this program connected to ${cluster}, which was given up, as by "jobraft force-new-cluster" or a restore. Restart the program, or connect again.`,
  );
}
