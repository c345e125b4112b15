import type { HistogramCounts } from '../base/histogram.ts';
import { addQueues } from '../queue/queue-measurements.ts';
import { RPC_NAMES } from '../raft/message.ts';
import type { NodeReading, NodeSample } from './node-sample.ts';

export type Labels = Readonly<Record<string, string | number>>;

/** One value of a series. */
export interface Value {
  readonly labels: Labels;
  readonly value: number;
}

interface SeriesOf<Type extends string, Read> {
  readonly name: string;
  readonly help: string;
  readonly type: Type;
  /** Beside `node`. */
  readonly labels: readonly string[];
  readonly read: (sample: NodeSample) => Read;
}

type ScalarSeries = SeriesOf<'gauge' | 'counter', readonly Value[]>;
/** What a scrape has of each node that replies. Durations are in ms in the samples, and in seconds in the scrape. */
export type Series =
  | ScalarSeries
  | (SeriesOf<'histogram', HistogramCounts> & {
      /** What one unit of the samples is in the scrape: 0.001 for milliseconds. */
      readonly unit: number;
    });

const MS = 0.001;
const NO_LABELS: Labels = Object.freeze({});
const ROLES = ['follower', 'pre-candidate', 'candidate', 'leader'] as const;
/** All of them, so that each has a series from the start on. */
const RPCS = [...new Set(Object.values(RPC_NAMES))];
const QUEUE_STATES = ['waiting', 'waiting-children', 'delayed', 'active', 'completed', 'failed'] as const;
/** The queues that are not shown one by one, together; a queue of this name is added to them. */
const OTHERS = 'other';

type Scalar = number | boolean | null | undefined;

const valuesOf = (value: Scalar): Value[] => (value === null || value === undefined ? [] : [{ labels: NO_LABELS, value: Number(value) }]);

const oneValue = (type: 'gauge' | 'counter') => (name: string, help: string, read: (sample: NodeSample) => Scalar) => ({
  ...{ name, help, type, labels: [], read: (sample: NodeSample) => valuesOf(read(sample)) },
});
const gauge = oneValue('gauge');
const counter = oneValue('counter');
const manyValues =
  (type: 'gauge' | 'counter') =>
  (name: string, help: string, labels: readonly string[], read: (sample: NodeSample) => readonly Value[]) => ({
    ...{ name, help, type, labels, read },
  });
const gauges = manyValues('gauge');
const counters = manyValues('counter');
const histogram = (name: string, help: string, unit: number, read: (sample: NodeSample) => HistogramCounts) => ({
  ...{ name, help, type: 'histogram' as const, labels: [], unit, read },
});

const RAFT: readonly Series[] = [
  gauges('jobraft_role', '1 for the role that the node has, 0 for the others.', ['role'], ({ node }) =>
    ROLES.map((role) => ({ labels: { role }, value: Number(node.role === role) })),
  ),
  gauge('jobraft_has_leader', '1 while the node leads, or receives from a leader.', ({ node }) => node.leader !== 0),
  gauge('jobraft_ready', '1 once the node has applied what the leader that it follows had committed.', ({ node }) => node.isReady),
  gauge('jobraft_voter', '1 for a node that votes by its latest configuration.', ({ node }) => node.isVoter),
  gauge('jobraft_members_voting', 'Voters of the latest configuration that the node has.', ({ node }) => node.voters),
  gauge('jobraft_members_learning', 'Members of it that do not vote, or not yet.', ({ node }) => node.learners),
  gauge('jobraft_term', 'Latest term that the node has seen.', ({ node }) => node.term),
  gauge('jobraft_commit_index', 'Index up to which the node knows the log to be committed.', ({ node }) => node.commit),
  gauge('jobraft_applied_index', 'Index up to which the node has applied the log.', ({ node }) => node.applied),
  gauge('jobraft_last_index', 'Index of the last entry of the log.', ({ node }) => node.last),
  gauge('jobraft_first_index', 'Index of the first entry that is not compacted.', ({ node }) => node.first),
  gauge('jobraft_apply_lag_entries', 'Entries that the leader has committed and the node has not applied.', ({ node }) => node.applyLag),
  gauge('jobraft_uncommitted_bytes', 'Entries of a leader that are not committed.', ({ node }) => node.uncommittedBytes),
  gauges('jobraft_peer_lag_entries', "Entries of a leader's log that the peer has not acknowledged.", ['peer'], ({ node }) =>
    node.peers.map(({ peer, lagEntries }) => ({ labels: { peer }, value: lagEntries })),
  ),
  gauges('jobraft_peer_silence_seconds', 'Time since the last message of the peer to the leader.', ['peer'], ({ node }) =>
    node.peers.map(({ peer, silentMs }) => ({ labels: { peer }, value: silentMs * MS })),
  ),
  gauge(
    'jobraft_unreachable_peers',
    'Peers that a leader had no message of for an election timeout, or that the node has no channel to.',
    ({ unreachable }) => unreachable.length,
  ),
  counter('jobraft_elections_total', 'Elections that the node started, pre-votes included.', ({ node }) => node.counters.elections),
  counter(
    'jobraft_leader_changes_total',
    'How often the node began to lead or to follow a leader.',
    ({ node }) => node.details.leaderChanges,
  ),
];

const TRAFFIC: readonly Series[] = [
  counters('jobraft_rpcs_sent_total', 'Messages to peers, by the name of the RPC.', ['rpc'], ({ node }) =>
    RPCS.map((rpc) => ({ labels: { rpc }, value: node.counters.rpcSent[rpc] ?? 0 })),
  ),
  counters('jobraft_rpc_replies_total', 'Replies of peers, by RPC and result.', ['rpc', 'result'], ({ node }) =>
    node.details.rpcReplies.flatMap(({ rpc, accepted, rejected }) => [
      { labels: { rpc, result: 'accepted' }, value: accepted },
      { labels: { rpc, result: 'rejected' }, value: rejected },
    ]),
  ),
  counter('jobraft_sent_bytes_total', 'Bytes sent to peers and clients.', ({ node }) => node.counters.bytesSent),
  counter('jobraft_requests_total', 'Requests of clients that arrived, forwarded ones included.', ({ node }) => node.counters.requests),
  counter('jobraft_queries_total', 'Requests that only read.', ({ node }) => node.counters.queries),
  counters('jobraft_rejected_requests_total', 'Requests that were rejected before the log, by code.', ['code'], ({ node }) =>
    Object.entries(node.details.rejected).map(([code, value]) => ({ labels: { code }, value })),
  ),
  gauge(
    'jobraft_certificate_expiry_timestamp_seconds',
    "When the node's certificate expires, in seconds since the epoch; none without a certificate.",
    ({ certificateUntilMs }) => (certificateUntilMs === undefined ? undefined : certificateUntilMs * MS),
  ),
  counters('jobraft_client_rejections_total', 'How often a client was at one of its bounds, by the bound.', ['bound'], (sample) =>
    Object.entries(sample.clientRejections).map(([bound, value]) => ({ labels: { bound }, value })),
  ),
  gauge('jobraft_parked_claims', 'Claims that wait at the leader for a job.', ({ node }) => node.details.parkedClaims),
];

const DISK: readonly Series[] = [
  histogram('jobraft_fsync_duration_seconds', 'Duration of a transaction: write and fsync.', MS, ({ resources }) => resources.writeMs),
  histogram('jobraft_commit_duration_seconds', 'From the proposal of an entry to its commit.', MS, ({ node }) => node.details.commitMs),
  histogram('jobraft_entry_requests', 'Requests of clients in one proposed entry.', 1, ({ node }) => node.details.entryRequests),
  histogram('jobraft_entry_operations', 'Operations in one proposed entry.', 1, ({ node }) => node.details.entryOperations),
  histogram('jobraft_entry_bytes', 'Size of one proposed entry.', 1, ({ node }) => node.details.entryBytes),
  histogram('jobraft_checkpoint_duration_seconds', 'Duration of a checkpoint.', MS, ({ node }) => node.details.checkpointMs),
  counter('jobraft_turns_total', 'Turns of the node.', ({ node }) => node.counters.turns),
  counter('jobraft_appended_entries_total', 'Entries written to the log.', ({ node }) => node.counters.entriesAppended),
  counter('jobraft_snapshots_sent_total', 'Snapshots that a follower received whole.', ({ node }) => node.details.snapshotsSent),
  counter('jobraft_snapshots_installed_total', 'Snapshots that the node received whole.', ({ node }) => node.details.snapshotsInstalled),
  gauge('jobraft_database_bytes', "The node's file, with its WAL and its segments.", ({ resources }) => resources.fileBytes),
  gauges(
    'jobraft_encryption_key',
    '1 for the key that all of the file is encrypted with; no value where it is not.',
    ['key'],
    ({ resources }) => (resources.encryptionKey === null ? [] : [{ labels: { key: resources.encryptionKey }, value: 1 }]),
  ),
  gauge('jobraft_disk_free_bytes', "Free space of the file system of the node's file.", ({ resources }) => resources.diskFreeBytes),
  gauge('jobraft_disk_size_bytes', 'Size of that file system.', ({ resources }) => resources.diskBytes),
];

/** Of the leader alone: the other nodes have the same a moment later, and after a restart they replay what was counted before. */
const JOBS: readonly ScalarSeries[] = [
  counters(
    'jobraft_operations_total',
    'Operations in the log that were applied, by command and result.',
    ['command', 'result'],
    ({ jobs }) => jobs.operations.map(({ command, result, count }) => ({ labels: { command, result }, value: count })),
  ),
  counter('jobraft_stale_reports_total', 'Completions and failures rejected because their lease was over.', ({ jobs }) =>
    staleReports(jobs),
  ),
  counter('jobraft_jobs_added_total', 'Jobs added since the cluster began.', ({ jobs }) => jobs.totals.added),
  counter('jobraft_jobs_claimed_total', 'Jobs handed to workers.', ({ jobs }) => jobs.totals.claimed),
  counter('jobraft_jobs_completed_total', 'Jobs completed.', ({ jobs }) => jobs.totals.completed),
  counter('jobraft_jobs_failed_total', 'Jobs that failed for good.', ({ jobs }) => jobs.totals.failed),
  counter('jobraft_jobs_retried_total', 'Attempts that failed and left another one.', ({ jobs }) => jobs.totals.retried),
  counter('jobraft_jobs_released_total', 'Jobs that workers gave back.', ({ jobs }) => jobs.totals.released),
  counter('jobraft_jobs_stalled_total', 'Leases that ended while the attempt ran.', ({ jobs }) => jobs.totals.stalled),
  counter('jobraft_leases_expired_total', 'Leases that ended by themselves.', ({ jobs }) => jobs.totals.leasesExpired),
  gauge('jobraft_leases', 'Jobs under a lease.', ({ jobs }) => jobs.leases),
  gauge('jobraft_jobs', 'All jobs, kept ones included.', ({ jobs }) => jobs.jobs),
  gauge('jobraft_sessions', 'Sessions of clients.', ({ jobs }) => jobs.sessions),
  gauge(
    'jobraft_queues',
    'Queues that have jobs, job schedulers or limits, are paused, or record their events.',
    ({ jobs }) => jobs.queues,
  ),
];

/** Likewise. */
const QUEUES: readonly ScalarSeries[] = [
  gauges('jobraft_queue_jobs', 'Jobs of a queue by state.', ['queue', 'state'], (sample) =>
    queuesOf(sample).flatMap(({ labels, ...queue }) =>
      QUEUE_STATES.map((state) => ({ labels: { ...labels, state }, value: queue[state] })),
    ),
  ),
  gauges(
    'jobraft_queue_oldest_waiting_seconds',
    'Time since the oldest waiting job of a queue was added; 0 if none waits.',
    ['queue'],
    (sample) => queuesOf(sample).map(({ labels, oldestWaitingMs }) => ({ labels, value: oldestWaitingMs * MS })),
  ),
  gauges('jobraft_queue_paused', '1 while the queue is paused.', ['queue'], ({ jobs }) =>
    jobs.shown.map(({ name, isPaused }) => ({ labels: { queue: name }, value: Number(isPaused) })),
  ),
];

const RESOURCES: readonly Series[] = [
  counter('jobraft_cpu_seconds_total', "CPU time of the node's thread, or of its process.", ({ resources }) =>
    resources.cpuMs === null ? null : resources.cpuMs * MS,
  ),
  gauge('jobraft_heap_used_bytes', "JavaScript heap of the node's thread.", ({ resources }) => resources.heapUsedBytes),
  gauge('jobraft_heap_limit_bytes', 'Limit of that heap, beyond which the node ends.', ({ resources }) => resources.heapLimitBytes),
  gauge('jobraft_external_memory_bytes', 'Buffers outside of that heap.', ({ resources }) => resources.externalBytes),
  gauge('jobraft_resident_memory_bytes', 'Resident memory of the whole process.', ({ resources }) => resources.residentBytes),
  histogram(
    'jobraft_event_loop_delay_seconds',
    "How late the timers of the node's thread were.",
    MS,
    ({ resources }) => resources.eventLoopDelayMs,
  ),
];

/** In the order of a scrape, after {@link UP}. */
export const SERIES: readonly Series[] = [...RAFT, ...TRAFFIC, ...DISK, ...[...JOBS, ...QUEUES].map(ofLeader), ...RESOURCES];

/** The only series of a node that does not reply. */
export const UP = {
  name: 'jobraft_up',
  help: '1 for a node that runs and replied to the scrape, 0 for the others. These have no other series.',
  read: ({ node, sample }: NodeReading): Value => ({ labels: { node }, value: Number(sample !== undefined) }),
} as const;

function ofLeader(series: ScalarSeries): ScalarSeries {
  return { ...series, read: (sample) => (sample.node.isCurrentLeader ? series.read(sample) : []) };
}

function staleReports({ operations }: NodeSample['jobs']): number {
  return operations
    .filter(({ command, result }) => (command === 'complete' || command === 'fail') && result === 'leaseLost')
    .reduce((sum, { count }) => sum + count, 0);
}

function queuesOf({ jobs }: NodeSample) {
  const { shown, others } = jobs;
  const rows = shown.map(({ name, ...queue }) => ({ labels: { queue: name }, ...queue }));
  if (others === undefined) return rows;
  const same = shown.find(({ name }) => name === OTHERS);
  const rest = same === undefined ? others : addQueues(same, others);
  return [...rows.filter(({ labels }) => labels.queue !== OTHERS), { labels: { queue: OTHERS }, ...rest }];
}
