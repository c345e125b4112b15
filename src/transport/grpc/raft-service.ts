import type {
  CallOptions,
  Client,
  ClientDuplexStream,
  ClientUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerUnaryCall,
  ServiceError,
  sendUnaryData,
} from '@grpc/grpc-js';
import { type Channels, closingWith } from './channel-security.ts';
import { loadService } from './proto-file.ts';
import type {
  AppendEntriesProto,
  AppendEntriesResponseProto,
  InstallSnapshotProto,
  InstallSnapshotResponseProto,
  RequestVoteProto,
  RequestVoteResponseProto,
  TimeoutNowProto,
} from './raft-protos.ts';

export interface PeerFrameProto {
  readonly frame: Uint8Array;
}

export interface IntroductionProto {
  readonly protocol: number;
  readonly cluster_name: string;
  readonly node: number;
  readonly disk: number;
  readonly cluster: number;
  readonly founders: readonly { readonly node: number; readonly disk: number }[];
  readonly nodes: readonly number[];
}

export interface AnnounceAddressProto {
  readonly cluster: number;
  readonly node: number;
  readonly address: string;
}

export interface AskToRebuildProto {
  readonly cluster: number;
  readonly node: number;
  readonly question: number;
}

export interface AskToRebuildResponseProto {
  readonly from_leader: boolean;
  readonly granted: boolean;
  readonly reason: string;
  readonly is_final: boolean;
}

export interface ListHoldersProto {
  readonly cluster: number;
  readonly node: number;
}

export interface ListHoldersResponseProto {
  readonly known_for_ms: number;
  readonly open: readonly number[];
  readonly ended: readonly { readonly holder: number; readonly ended_ms_ago: number }[];
}

type Nothing = Readonly<Record<string, never>>;
type Callback<Response> = (error: ServiceError | null, response?: Response) => void;

/** The client that the loader makes of the service Raft. */
export interface RaftClient extends Client {
  Introduce(request: IntroductionProto, options: CallOptions, callback: Callback<IntroductionProto>): ClientUnaryCall;
  AnnounceAddress(request: AnnounceAddressProto, options: CallOptions, callback: Callback<Nothing>): ClientUnaryCall;
  AskToRebuild(request: AskToRebuildProto, options: CallOptions, callback: Callback<AskToRebuildResponseProto>): ClientUnaryCall;
  ListHolders(request: ListHoldersProto, options: CallOptions, callback: Callback<ListHoldersResponseProto>): ClientUnaryCall;
  RequestVote(
    request: RequestVoteProto,
    metadata: Metadata,
    options: CallOptions,
    callback: Callback<RequestVoteResponseProto>,
  ): ClientUnaryCall;
  AppendEntries(metadata: Metadata): ClientDuplexStream<AppendEntriesProto, AppendEntriesResponseProto>;
  InstallSnapshot(metadata: Metadata): ClientDuplexStream<InstallSnapshotProto, InstallSnapshotResponseProto>;
  TimeoutNow(request: TimeoutNowProto, metadata: Metadata, options: CallOptions, callback: Callback<Nothing>): ClientUnaryCall;
  Exchange(metadata: Metadata): ClientDuplexStream<PeerFrameProto, PeerFrameProto>;
}

export type IntroduceCall = ServerUnaryCall<IntroductionProto, IntroductionProto>;
export type IntroduceCallback = sendUnaryData<IntroductionProto>;
export type AnnounceAddressCall = ServerUnaryCall<AnnounceAddressProto, Nothing>;
export type AnnounceAddressCallback = sendUnaryData<Nothing>;
export type AskToRebuildCall = ServerUnaryCall<AskToRebuildProto, AskToRebuildResponseProto>;
export type AskToRebuildCallback = sendUnaryData<AskToRebuildResponseProto>;
export type ListHoldersCall = ServerUnaryCall<ListHoldersProto, ListHoldersResponseProto>;
export type ListHoldersCallback = sendUnaryData<ListHoldersResponseProto>;
export type VoteCall = ServerUnaryCall<RequestVoteProto, RequestVoteResponseProto>;
export type VoteCallback = sendUnaryData<RequestVoteResponseProto>;
export type AppendCall = ServerDuplexStream<AppendEntriesProto, AppendEntriesResponseProto>;
export type SnapshotCall = ServerDuplexStream<InstallSnapshotProto, InstallSnapshotResponseProto>;
export type ExchangeCall = ServerDuplexStream<PeerFrameProto, PeerFrameProto>;
export type TimeoutNowCall = ServerUnaryCall<TimeoutNowProto, Nothing>;
export type TimeoutNowCallback = sendUnaryData<Nothing>;

/** The loader knows the methods only at run time. @param node that has to be there; undefined where any node of the cluster may be. */
export const raftClient = (address: string, { options, security }: Channels, node?: number): RaftClient => {
  const secured = security.channelTo(address, node);
  const client = new RaftService(address, secured.credentials, { ...options, ...secured.options });
  return closingWith(client as unknown as RaftClient, secured);
};

export const RaftService = loadService('raft.proto', 'jobraft.raft.v1.Raft');
