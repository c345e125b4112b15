import './runtime/check.ts';

export { BackupError, type BackupErrorCode } from './backup/backup-error.ts';
export { ConfigError, HandshakeError, JobraftError, type Outcome } from './base/errors.ts';
export type { MemoryRelease } from './base/memory-release.ts';
export type { MemberChange } from './client/api/admin-calls.ts';
export { Client, type ClientOptions } from './client/api/client.ts';
export type { DeduplicationOptions } from './client/api/deduplication-options.ts';
export type { JobEvent, JobStateEvent, QueueEventArguments } from './client/api/event-arguments.ts';
export {
  type FlowChildJob,
  type FlowChildOptions,
  type FlowJob,
  type FlowJobOptions,
  type FlowOptions,
  FlowProducer,
  type FlowProducerOptions,
  type GetFlowOptions,
  type JobNode,
} from './client/api/flow-producer.ts';
export { Job } from './client/api/job.ts';
export type { ChangePriorityOptions, JobProgress } from './client/api/job-changes.ts';
export type {
  ChildrenPageOptions,
  DependenciesCount,
  DependenciesCountOptions,
  DependenciesOptions,
  JobDependencies,
  RemoveJobOptions,
} from './client/api/job-children.ts';
export type { JobLogRows } from './client/api/job-logs.ts';
export type { BackoffOptions, DefaultJobOptions, JobOptions } from './client/api/job-options.ts';
export type { JobSchedulerJson, JobSchedulerTemplate, JobSchedulerTemplateOptions, RepeatOptions } from './client/api/job-schedulers.ts';
export type { KeepJobs } from './client/api/kept-jobs.ts';
export { NotSupportedError, UnknownEventError } from './client/api/not-supported.ts';
export {
  type BulkJob,
  type CleanedState,
  type ListedState,
  type ListOptions,
  type ObliterateOptions,
  type PromoteJobsOptions,
  Queue,
  type QueueOptions,
  type RetryJobsOptions,
} from './client/api/queue.ts';
export { QueueEvents, type QueueEventsMap, type QueueEventsOptions } from './client/api/queue-events.ts';
export type { ReadOptions } from './client/api/read-options.ts';
export type { TransactionCall } from './client/api/transact.ts';
export type { FailOptions, Transaction, TransactionStep, TransactionSteps, TransactionValues } from './client/api/transaction.ts';
export type { ClientClock, ClientTimer } from './client/clock.ts';
export { DeduplicationLimitError } from './client/deduplication-errors.ts';
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
  QuorumLostError,
  RequestRejectedError,
  SessionExpiredError,
  UnknownOptionError,
} from './client/errors.ts';
export {
  EventLimitError,
  EventsLostError,
  JobFailedError,
  JobRemovedError,
  QueueEventsClosedError,
  ResultNotKeptError,
  WaitTimeoutError,
} from './client/event-errors.ts';
export { ChildActiveError, FlowIdTakenError, FlowTooLargeError } from './client/flow-errors.ts';
export { AccessDeniedError, ClusterReplacedError } from './client/outage-errors.ts';
export { ProcessorFileError, ProcessorThreadError, SandboxCodeMissingError } from './client/sandbox/sandbox-errors.ts';
export type { SandboxJob } from './client/sandbox/sandbox-job.ts';
export { InvalidPatternError, SchedulerLimitError, SchedulerNotFoundError } from './client/scheduler-errors.ts';
export { LogRowTooLargeError, PayloadTooLargeError, ProgressTooLargeError } from './client/size-errors.ts';
export { TransactionConflictError, TransactionError, TransactionTooLargeError } from './client/transaction-errors.ts';
export { type Processor, UnrecoverableError, Worker, type WorkerEvents, type WorkerOptions } from './client/worker/worker.ts';
export { Cluster, type ReplicaState, startCluster } from './cluster/cluster.ts';
export type { ClusterOptions, NodeRepair } from './cluster/cluster-options.ts';
export type { ClusterMembers } from './cluster/membership-controller.ts';
export { NodeCodeMissingError } from './cluster/node-code.ts';
export { NodeFailedError, NodeStuckError } from './cluster/node-handle.ts';
export { type RestoredCluster, type RestoreOptions, restoreBackup } from './cluster/restore-backup.ts';
export { HostLostError, HostSilentError } from './cluster/shared/errors.ts';
export { openCluster, type SharedClusterOptions } from './cluster/shared/open-cluster.ts';
export { RemoteError } from './cluster/shared/remote-error.ts';
export { SharedCluster } from './cluster/shared/shared-cluster.ts';
export type { BackupInfo } from './cluster/take-backup.ts';
export { type ClusterLimits, LIMIT_DEFAULTS } from './config/limits.ts';
export type { EncryptionOptions } from './encryption/read-keys.ts';
export { LogFileError } from './logs/log-file-error.ts';
export type { ClusterMetrics, NodeMetrics } from './metrics/cluster-metrics.ts';
export type { AdminRejectionReason, LogEntryView, NodeStatus, ReadConsistency } from './protocol/client-frame.ts';
export type { JobCounts, JobState, QueueCounts } from './protocol/job-state.ts';
export { RAFT_DEFAULTS, type RaftConfig } from './raft/config.ts';
export { StorageError, type StorageErrorCode } from './storage/errors.ts';
