import { loadService } from './proto-file.ts';

/** As the loader reads `Payload`: the field that is set, by its name in `data`. */
export interface PayloadProto {
  readonly data?: 'json' | 'raw';
  readonly json?: string;
  readonly raw?: Uint8Array;
}

export interface JobOptionsProto {
  readonly attempts: number;
  readonly backoff_ms: number;
  /** 0 fixed, 1 exponential. */
  readonly backoff_type: number;
  readonly delay_ms: number;
  readonly priority: number;
  readonly lifo: boolean;
  readonly keep_completed?: number;
  readonly keep_failed?: number;
  /** 0 without a limit. */
  readonly keep_completed_ms: number;
  readonly keep_failed_ms: number;
  readonly custom_id?: string;
  readonly keep_logs: number;
  readonly deduplication: DeduplicationProto | null;
}

export interface DeduplicationProto {
  readonly id: string;
  readonly ttl_ms: number;
  readonly extend: boolean;
  readonly replace: boolean;
  readonly keep_last_if_active: boolean;
}

export interface DeduplicationRequestProto {
  readonly queue: string;
  readonly deduplication_id: string;
  /** Empty for any job. */
  readonly id: string;
  readonly request_id: RequestIdProto | null;
}

export interface GetDeduplicationJobRequestProto {
  readonly queue: string;
  readonly deduplication_id: string;
  readonly consistency: number;
}

export interface NewJobProto {
  readonly name: string;
  readonly data: PayloadProto | null;
  readonly options: JobOptionsProto | null;
}

/** Of a call in a session of its caller. */
export interface RequestIdProto {
  readonly session: number;
  readonly sequence: number;
  readonly acknowledged_below: number;
}

export interface AddBulkRequestProto {
  readonly queue: string;
  readonly jobs: readonly NewJobProto[];
  readonly request_id: RequestIdProto | null;
}

export interface ClaimRequestProto {
  readonly queue: string;
  readonly count_max: number;
  readonly lease_ms: number;
  readonly wait_ms: number;
  readonly max_stalled_count?: number;
  readonly ahead: boolean;
  readonly holder: number;
  /** 0 for no limit. */
  readonly limiter_max: number;
  readonly limiter_ms: number;
  readonly request_id: RequestIdProto | null;
}

export interface LeaseRequestProto {
  readonly queue: string;
  readonly id: string;
  readonly token: number;
  readonly request_id: RequestIdProto | null;
}

export interface CleanRequestProto extends JobRequestProto {
  readonly state: number;
  readonly grace_ms: number;
}

export interface ChangePriorityRequestProto extends JobRequestProto {
  readonly priority: number;
}

export interface ChangeDelayRequestProto extends JobRequestProto {
  readonly delay_ms: number;
}

export interface UpdateProgressRequestProto extends JobRequestProto {
  readonly token: number;
  readonly progress: PayloadProto | null;
}

export interface UpdateDataRequestProto extends JobRequestProto {
  readonly token: number;
  readonly data: PayloadProto | null;
}

export interface AddLogRequestProto extends JobRequestProto {
  readonly token: number;
  readonly row: string;
  readonly keep_max: number;
}

export interface ClearLogsRequestProto extends JobRequestProto {
  readonly keep_max: number;
}

export interface CompleteRequestProto extends LeaseRequestProto {
  readonly result: PayloadProto | null;
}

export interface FailRequestProto extends LeaseRequestProto {
  readonly reason: string;
  readonly unrecoverable: boolean;
}

export interface AddRequestProto extends NewJobProto {
  readonly queue: string;
}

/** As the loader reads it: the field that is set, by its name in `operation`. */
export type TransactionOperationProto =
  | { readonly operation: 'add'; readonly add: AddRequestProto }
  | { readonly operation: 'complete'; readonly complete: CompleteRequestProto }
  | { readonly operation: 'fail'; readonly fail: FailRequestProto }
  | { readonly operation: 'release'; readonly release: LeaseRequestProto }
  | { readonly operation: 'remove'; readonly remove: JobRequestProto }
  | { readonly operation: 'promote'; readonly promote: JobRequestProto }
  | { readonly operation: 'change_priority'; readonly change_priority: ChangePriorityRequestProto }
  | { readonly operation: 'change_delay'; readonly change_delay: ChangeDelayRequestProto }
  | { readonly operation: 'update_progress'; readonly update_progress: UpdateProgressRequestProto }
  | { readonly operation: 'update_data'; readonly update_data: UpdateDataRequestProto }
  | { readonly operation: 'add_log'; readonly add_log: AddLogRequestProto }
  | { readonly operation: 'clear_logs'; readonly clear_logs: ClearLogsRequestProto }
  | { readonly operation?: undefined };

export interface TransactRequestProto {
  readonly operations: readonly TransactionOperationProto[];
  readonly request_id: RequestIdProto | null;
}

export interface GetLogsRequestProto extends JobRequestProto {
  readonly start: number;
  readonly count_max: number;
  readonly descending: boolean;
}

export interface JobRequestProto {
  readonly queue: string;
  readonly id: string;
  /** Of a read: 0 linearizable, 1 lease, 2 stale. */
  readonly consistency?: number;
  /** Not of a read. */
  readonly request_id?: RequestIdProto | null;
}

export interface ListJobsRequestProto {
  readonly queue: string;
  /** 1 waiting, 2 delayed, 3 active, 4 completed, 5 failed. */
  readonly state: number;
  readonly start: number;
  readonly count_max: number;
  readonly ascending: boolean;
  readonly consistency: number;
}

export interface QueueRequestProto {
  readonly queue: string;
  readonly consistency: number;
}

export interface SetConcurrencyRequestProto {
  readonly queue: string;
  /** 0 for no limit. */
  readonly concurrency_max: number;
}

export interface SetRateLimitRequestProto {
  readonly queue: string;
  /** 0 for no limit. */
  readonly rate_max: number;
  readonly rate_ms: number;
}

export interface HoldClaimsRequestProto {
  readonly queue: string;
  readonly hold_ms: number;
}

export interface SchedulerTimesProto {
  readonly every_ms: number;
  readonly offset_ms?: number;
  readonly pattern: string;
  readonly time_zone: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly count_max: number;
}

export interface UpsertSchedulerRequestProto extends SchedulerRequestProto {
  readonly times: SchedulerTimesProto | null;
  readonly immediate: boolean;
  readonly job: NewJobProto | null;
}

export interface SchedulerRequestProto {
  readonly queue: string;
  readonly scheduler: string;
  /** Not of a read. */
  readonly request_id?: RequestIdProto | null;
}

export interface ListSchedulersRequestProto {
  readonly queue: string;
  readonly start: number;
  readonly count_max: number;
  readonly descending: boolean;
}

export interface SubscribeEventsRequestProto {
  readonly queue: string;
  readonly ttl_ms: number;
}

export interface ReadEventsRequestProto {
  readonly queue: string;
  readonly last_event_id: string;
  readonly count_max: number;
  readonly wait_ms: number;
}

export const JobsService = loadService('jobraft.proto', 'jobraft.v1.Jobs');

export interface FlowJobProto extends NewJobProto {
  readonly queue: string;
  /** A value of OnFailure. */
  readonly on_failure: number;
  readonly children: readonly FlowJobProto[];
}

export interface AddFlowRequestProto {
  readonly root: FlowJobProto | null;
  readonly request_id: RequestIdProto | null;
}

export interface ListChildrenRequestProto {
  readonly queue: string;
  readonly id: string;
  /** A value of ChildStatus. */
  readonly status: number;
  readonly after: number;
  readonly count_max: number;
}
