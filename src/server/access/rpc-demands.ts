import type { Reach } from '../../protocol/demands.ts';
import type { Permission } from '../../protocol/permission.ts';

/** What a call has to be permitted: see `Demand`. `inside`: what is in its messages is checked instead. */
export interface RpcDemand {
  readonly permission: Permission;
  readonly reach: Reach['type'] | 'inside';
}

const demand = (permission: Permission, reach: RpcDemand['reach']): RpcDemand => ({ permission, reach });

/** By service and method; a test compares it with proto/jobraft.proto. */
export const RPC_DEMANDS: Readonly<Record<'Jobs' | 'Cluster', Readonly<Record<string, RpcDemand>>>> = {
  Jobs: {
    OpenSession: demand('read', 'own'),
    Add: demand('add', 'queue'),
    AddBulk: demand('add', 'queue'),
    Claim: demand('work', 'queue'),
    Begin: demand('work', 'job'),
    Extend: demand('work', 'job'),
    Complete: demand('work', 'job'),
    Fail: demand('work', 'job'),
    Release: demand('work', 'job'),
    Retry: demand('operate', 'queue'),
    Remove: demand('operate', 'queue'),
    Promote: demand('operate', 'queue'),
    ChangePriority: demand('operate', 'queue'),
    ChangeDelay: demand('operate', 'queue'),
    UpdateProgress: demand('work', 'queue'),
    UpdateData: demand('work', 'queue'),
    RemoveDeduplication: demand('operate', 'queue'),
    GetDeduplicationJob: demand('read', 'queue'),
    Clean: demand('operate', 'queue'),
    GetJob: demand('read', 'queue'),
    ListJobs: demand('read', 'queue'),
    GetCounts: demand('read', 'queue'),
    ListQueues: demand('read', 'all'),
    PauseQueue: demand('operate', 'queue'),
    ResumeQueue: demand('operate', 'queue'),
    SetConcurrency: demand('operate', 'queue'),
    SetRateLimit: demand('operate', 'queue'),
    HoldClaims: demand('operate', 'queue'),
    GetQueue: demand('read', 'queue'),
    ReleaseHolder: demand('work', 'own'),
    UpsertScheduler: demand('add', 'queue'),
    RemoveScheduler: demand('operate', 'queue'),
    GetScheduler: demand('read', 'queue'),
    ListSchedulers: demand('read', 'queue'),
    SubscribeEvents: demand('read', 'queue'),
    ReadEvents: demand('read', 'queue'),
    AddFlow: demand('add', 'queues'),
    ListChildren: demand('read', 'queue'),
    RemoveAlone: demand('operate', 'queue'),
    RemoveUnprocessedChildren: demand('operate', 'queue'),
    RemoveChildDependency: demand('operate', 'queue'),
    AddLog: demand('work', 'queue'),
    ClearLogs: demand('work', 'queue'),
    GetLogs: demand('read', 'queue'),
    Transact: demand('read', 'inside'),
  },
  Cluster: {
    GetStatus: demand('read', 'own'),
    GetLog: demand('read', 'all'),
    ListMembers: demand('read', 'own'),
    AddMember: demand('operate', 'all'),
    RemoveMember: demand('operate', 'all'),
    TransferLeadership: demand('operate', 'all'),
    Backup: demand('operate', 'all'),
    ClientRequest: demand('read', 'inside'),
    Exchange: demand('read', 'inside'),
  },
};
