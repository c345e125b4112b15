import type { CallOptions, Client, ClientDuplexStream, ClientReadableStream, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import type { BackupPieceProto } from './backup-piece.ts';
import { type Channels, closingWith } from './channel-security.ts';
import type { PacketProto } from './packet-exchange.ts';
import { loadService } from './proto-file.ts';

export interface MembersProto {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly joining: readonly number[];
  readonly leaving: readonly number[];
  readonly settled: boolean;
  readonly addresses: readonly { readonly node: number; readonly address: string }[];
}

/** The number of the state in `NodeStatusProto`. */
export const LEADER = 3;

export interface NodeStatusProto {
  readonly node: number;
  readonly state: number;
  readonly term: number;
  readonly voted_for: number;
  readonly leader_id: number;
  readonly commit_index: number;
  readonly applied_index: number;
  readonly first_index: number;
  readonly last_index: number;
  readonly last_term: number;
  readonly members: MembersProto | null;
  readonly unreachable: readonly { readonly node: number; readonly since_ms: number; readonly reason: string }[];
  readonly started_ms: number;
  readonly cluster: number;
  readonly cluster_name: string;
}

export interface AddMemberProto {
  readonly node: number;
  readonly address: string;
  /** It never votes. Nodes of earlier releases do not know this. */
  readonly learner?: boolean;
}

type Callback<Response> = (error: ServiceError | null, response?: Response) => void;
type Nothing = Readonly<Record<string, never>>;

/** The client that the loader makes of the service Cluster. */
export interface ClusterClient extends Client {
  GetStatus(request: Nothing, options: CallOptions, callback: Callback<NodeStatusProto>): ClientUnaryCall;
  ListMembers(request: Nothing, options: CallOptions, callback: Callback<MembersProto>): ClientUnaryCall;
  AddMember(request: AddMemberProto, options: CallOptions, callback: Callback<Nothing>): ClientUnaryCall;
  Exchange(metadata: Metadata): ClientDuplexStream<PacketProto, PacketProto>;
  Backup(request: Nothing): ClientReadableStream<BackupPieceProto>;
}

/** The loader knows the methods only at run time. */
export const clusterClient = (address: string, { options, security }: Channels): ClusterClient => {
  const secured = security.channelTo(address);
  const client = new ClusterService(address, secured.credentials, { ...options, ...secured.options });
  return closingWith(client as unknown as ClusterClient, secured);
};

export const ClusterService = loadService('jobraft.proto', 'jobraft.v1.Cluster');
