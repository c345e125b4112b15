import './runtime/check.ts';

export { ConfigError, JobraftError, type Outcome } from './base/errors.ts';
export type { MemberChange } from './client/admin-calls.ts';
export { Client, type ClientOptions } from './client/client.ts';
export type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from './client/endpoint.ts';
export {
  AdminRejectedError,
  BulkTooLargeError,
  ClientClosedError,
  ClusterClosedError,
  ClusterVersionError,
  DeadlineError,
  InvalidOptionError,
  InvalidPayloadError,
  JobNotFoundError,
  JobStalledError,
  JobStateError,
  LeaseLostError,
  MembershipTimeoutError,
  NodeUnavailableError,
  NoLeaderError,
  NoNodesRunningError,
  OverloadedError,
  PayloadTooLargeError,
  QuorumLostError,
  RequestRejectedError,
  SessionExpiredError,
  UnknownOptionError,
} from './client/errors.ts';
export { Job } from './client/job.ts';
export type { BackoffOptions, JobOptions } from './client/job-options.ts';
export { type BulkJob, Queue, type QueueOptions } from './client/queue.ts';
export type { ReadOptions } from './client/read-options.ts';
export { ProcessorFileError, ProcessorThreadError, SandboxCodeMissingError } from './client/sandbox-errors.ts';
export type { SandboxJob } from './client/sandbox-task.ts';
export { type Processor, UnrecoverableError, Worker, type WorkerEvents, type WorkerOptions } from './client/worker.ts';
export { Cluster, type NodeMetrics, type ReplicaState, startCluster } from './cluster/cluster.ts';
export type { ClusterOptions, NodeRepair } from './cluster/cluster-options.ts';
export type { ClusterMembers } from './cluster/membership-controller.ts';
export { NodeCodeMissingError } from './cluster/node-code.ts';
export { NodeFailedError, NodeStuckError } from './cluster/node-handle.ts';
export { LogFileError } from './logs/log-file-error.ts';
export { LIMIT_DEFAULTS, type NodeLimits } from './node/limits.ts';
export type { LogEntryView, NodeStatus, ReadConsistency } from './protocol/client-frame.ts';
export { RAFT_DEFAULTS, type RaftConfig } from './raft/config.ts';
export { StorageError, type StorageErrorCode } from './storage/errors.ts';
