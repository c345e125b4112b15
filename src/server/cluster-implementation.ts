import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { NodeStatus } from '../protocol/client-frame.ts';
import type { AddMemberProto, MembersProto, NodeStatusProto } from '../transport/grpc/cluster-service.ts';
import type { PacketExchange } from '../transport/grpc/packet-exchange.ts';
import type { UnreachablePeer } from '../transport/port.ts';
import type { BackupCall } from './backup-service.ts';
import type { MemberService } from './member-service.ts';
import type { RunningNode } from './running-node.ts';
import { type ClientRequestProto, clientRequest } from './services/client-request.ts';
import { implementationOf } from './services/jobs-implementation.ts';
import type { ServedCall } from './services/operations.ts';
import type { OwnClient } from './services/own-client.ts';

/** In the order of their numbers in proto/jobraft.proto. */
const STATES: readonly NodeStatus['state'][] = ['follower', 'pre-candidate', 'candidate', 'leader'];

export interface ClusterServiceOptions {
  readonly exchange: PacketExchange['serve'];
  /** Where this node reaches the members, and where it listens itself. */
  readonly addresses: () => ReadonlyMap<number, string>;
  readonly members: Pick<MemberService, 'add' | 'remove'>;
  readonly clusterName: string;
  readonly startedMs: number;
  /** Undefined until the cluster is formed. */
  readonly node: () => RunningNode | undefined;
  readonly cluster: () => number;
  readonly unreachable: () => readonly UnreachablePeer[];
  readonly nodeId: number;
  readonly client: OwnClient;
}

const NOT_FORMED = { code: status.UNAVAILABLE, details: 'The cluster is not formed yet. Start its other nodes.' };

type Reply<Response> = (error: { readonly code: status; readonly details: string } | null, response?: Response) => void;

/** What a node serves of the service Cluster. */
export function clusterImplementation(options: ClusterServiceOptions): UntypedServiceImplementation {
  const serve = <Response>(responseOf: (status: NodeStatus) => Response) => {
    return (_call: unknown, reply: Reply<Response>): void => {
      const node = options.node();
      if (node === undefined) reply(NOT_FORMED);
      else reply(null, responseOf(node.status));
    };
  };
  return {
    Exchange: options.exchange,
    Backup: (call: BackupCall) => {
      const node = options.node();
      if (node === undefined) call.emit('error', NOT_FORMED);
      else void node.backups.serve(call, () => options.client.confirmLeadership());
    },
    GetStatus: serve((of) => statusProto(of, options)),
    ListMembers: serve((of) => membersProto(of, options)),
    ...implementationOf(
      {
        GetLog: async ({ from, to }: { readonly from: number; readonly to: number }, { client }: ServedCall) => ({
          entries: await client.log(options.nodeId, from === 0 ? undefined : from, to === 0 ? undefined : to),
        }),
        TransferLeadership: async ({ to }: { readonly to: number }) => ({ leader_id: await options.client.transferLeadership(to) }),
        AddMember: async (request: AddMemberProto) => {
          await options.members.add(request);
          return {};
        },
        RemoveMember: async ({ node }: { readonly node: number }) => {
          await options.members.remove(node);
          return {};
        },
        ClientRequest: async (request: ClientRequestProto, { client }: ServedCall) => await clientRequest(request, client),
      },
      options.client.serve,
    ),
  };
}

const membersProto = (
  { voters, learners, joining, leaving, isSettled }: NodeStatus,
  { addresses }: ClusterServiceOptions,
): MembersProto => ({
  ...{ voters, learners, joining, leaving, settled: isSettled },
  addresses: [...addresses()].map(([node, address]) => ({ node, address })),
});

function statusProto(of: NodeStatus, options: ClusterServiceOptions): NodeStatusProto {
  return {
    ...{ node: of.node, state: STATES.indexOf(of.state), term: of.term, voted_for: of.votedFor ?? 0, leader_id: of.leaderId ?? 0 },
    ...{ commit_index: of.commit, applied_index: of.applied, first_index: of.firstIndex, last_index: of.lastIndex, last_term: of.lastTerm },
    members: membersProto(of, options),
    unreachable: options.unreachable().map(({ node, sinceMs, rejection }) => ({
      ...{ node, since_ms: Math.round(performance.timeOrigin + sinceMs), reason: rejection?.message ?? '' },
    })),
    started_ms: options.startedMs,
    cluster: options.cluster(),
    cluster_name: options.clusterName,
  };
}
