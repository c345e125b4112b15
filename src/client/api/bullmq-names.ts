import type { MissingNames } from './not-supported.ts';

/**
 * What BullMQ 6 has and jobraft does not have yet, with what to use instead. These tables are the single source: the run-time errors are
 * made from them, and a test compares docs/bullmq.md and the names of BullMQ's type declarations with them.
 */

const NONE = 'There is no replacement yet.';
const REDIS = 'There is no Redis behind jobraft, and no replacement.';
const COUNTS = 'Use queue.getJobCounts(), which counts the jobs of all states.';
const FLOW = 'Add the job with its children by a FlowProducer; read them by job.getDependencies() and flowProducer.getFlow().';
const CHILD_OPTION = 'Only a child has it: new FlowProducer({ connection }).add({ queueName, children: [{ queueName, opts }] }).';
const SCHEDULER = 'Use queue.upsertJobScheduler(id, { every } or { pattern, tz }, { name, data, opts }).';
const HOLD = 'Use queue.rateLimit(), and throw an error: that counts as an attempt, so give "attempts" and "backoff".';
const LOGS = 'Use queue.addJobLog(id, row).';
const REPORTS = 'The worker reports the outcome: return the result, or throw an error.';
const LEASES = 'The worker extends the lease of a job by itself; set "lockDuration" for its duration.';
const OPTIONS = 'Keep the options that you passed to the constructor.';
const EVENTS = 'Its calls reject with their errors. For what happens to its jobs use new QueueEvents(name, { connection }).';
const READ = 'Use queue.getJob(id).';
const ADD = 'Use queue.add(name, data, opts).';
const BULK = 'Use queue.addBulk(jobs).';
const CLOSE = 'Use close().';
const SNAPSHOT = 'A job is a snapshot: its fields cannot be changed.';

const SHARED_METHODS = { toKey: REDIS, getBackend: REDIS };
const SHARED_ASYNC = { disconnect: CLOSE, trace: NONE };
const SHARED_PROPERTIES = { keys: REDIS, backend: REDIS, qualifiedName: 'Use its property "name".', closing: CLOSE, opts: OPTIONS };

/** Of an EventEmitter, which BullMQ's classes are. */
const EMITTER_METHODS = {
  on: EVENTS,
  once: EVENTS,
  off: EVENTS,
  emit: EVENTS,
  addListener: EVENTS,
  removeListener: EVENTS,
  removeAllListeners: EVENTS,
  prependListener: EVENTS,
  prependOnceListener: EVENTS,
  listeners: EVENTS,
  rawListeners: EVENTS,
  listenerCount: EVENTS,
  eventNames: EVENTS,
  setMaxListeners: EVENTS,
  getMaxListeners: EVENTS,
};

export const QUEUE_MISSING: MissingNames = {
  asyncMethods: {
    ...SHARED_ASYNC,
    getPrioritizedCount: COUNTS,
    getCountsPerPriority: COUNTS,
    recordJobCountsMetric: COUNTS,
    getRanges: 'Use queue.getJobs(states, { start, end, asc }).',
    getPrioritized: "A job with a priority is 'waiting': use queue.getWaiting().",
    getDependencies: FLOW,
    getWorkers: NONE,
    getWorkersCount: NONE,
    getQueueEvents: NONE,
    getMetrics: NONE,
    exportPrometheusMetrics: NONE,
    getMeta: NONE,
    getVersion: NONE,
    getDebounceJobId: 'Use queue.getDeduplicationJobId(id).',
    removeDebounceKey: 'Use queue.removeDeduplicationKey(id).',
    trimEvents: REDIS,
    removeDeprecatedPriorityKey: REDIS,
    removeOrphanedJobs: REDIS,
  },
  methods: {
    ...SHARED_METHODS,
    ...EMITTER_METHODS,
  },
  properties: {
    ...SHARED_PROPERTIES,
    token: 'A lease has a token of its own: job.token.',
    jobsOpts: OPTIONS,
    defaultJobOptions: OPTIONS,
    metaValues: NONE,
    jobScheduler: SCHEDULER,
  },
  setters: {},
  asyncStatics: {},
  statics: {},
  events: {},
};

export const FLOW_PRODUCER_MISSING: MissingNames = {
  asyncMethods: { disconnect: CLOSE },
  methods: {
    ...EMITTER_METHODS,
  },
  properties: { opts: OPTIONS, closing: CLOSE, backend: REDIS },
  setters: {},
  asyncStatics: {},
  statics: {},
  events: {},
};

export const WORKER_MISSING: MissingNames = {
  asyncMethods: {
    ...SHARED_ASYNC,
    extendJobLocks: LEASES,
    getNextJob: 'Jobs cannot be fetched by hand yet: pass a processor.',
    processJob: 'Jobs cannot be fetched by hand yet: pass a processor.',
    rateLimit: HOLD,
    delay: 'Use setTimeout() of node:timers/promises.',
    startStalledCheckTimer: 'The cluster ends expired leases by itself.',
  },
  methods: {
    ...SHARED_METHODS,
    cancelJob: 'Abort by a signal of your own; or close(true), which aborts all running jobs.',
    cancelAllJobs: 'Abort by a signal of your own; or close(true), which aborts all running jobs.',
  },
  properties: {
    ...SHARED_PROPERTIES,
    id: NONE,
    jobScheduler: SCHEDULER,
    minimumBlockTimeout: 'Set the option "claimWaitMs".',
    maximumBlockTimeout: 'Set the option "claimWaitMs".',
  },
  setters: {},
  asyncStatics: {},
  statics: { RateLimitError: HOLD },
  events: {
    closing: "Listen to 'closed'.",
    lockRenewalFailed: "Listen to 'error' and 'stalled'.",
    locksRenewed: NONE,
    ready: 'Await worker.waitUntilReady().',
    'ioredis:close': REDIS,
  },
};

export const JOB_MISSING: MissingNames = {
  asyncMethods: {
    extendLock: LEASES,
    moveToCompleted: REPORTS,
    moveToFailed: REPORTS,
    moveToWait: REPORTS,
    moveToDelayed: 'Throw an error: the job is tried again after its "backoff".',
    moveToWaitingChildren: FLOW,
    addJob: ADD,
  },
  methods: {
    asJSON: 'Use job.toJSON().',
    asJSONSandbox: 'Use job.toJSON().',
    toFlowEntry: FLOW,
  },
  properties: {
    stacktrace: 'Use job.failedReason, or the error of the event "failed".',
    attemptsStarted: 'Use job.attemptsMade and job.stalledCounter.',
    deferredFailure: FLOW,
    parent: FLOW,
    parentKey: FLOW,
    processedBy: NONE,
    queueQualifiedName: 'Use job.queueName.',
    prefix: REDIS,
  },
  setters: {
    name: SNAPSHOT,
    data: SNAPSHOT,
    opts: SNAPSHOT,
    delay: SNAPSHOT,
    priority: SNAPSHOT,
    progress: SNAPSHOT,
    processedOn: SNAPSHOT,
    returnvalue: SNAPSHOT,
  },
  asyncStatics: { create: ADD, createBulk: BULK, fromId: READ, addJobLog: LOGS },
  statics: { fromJSON: READ, optsFromJSON: READ },
  events: {},
};

/** Options by the object that has them in BullMQ, with what to use instead. */
/** The options of a job that jobraft has, too. */
export const JOB_OPTIONS_SUPPORTED = {
  attempts: true,
  backoff: true,
  deduplication: true,
  delay: true,
  jobId: true,
  keepLogs: true,
  lifo: true,
  priority: true,
  removeOnComplete: true,
  removeOnFail: true,
} as const;

export const OPTIONS_MISSING = {
  queue: {
    blockingConnection: REDIS,
    prefix: 'Give the queue another name, or use another cluster.',
    settings: SCHEDULER,
    skipMetasUpdate: REDIS,
    skipVersionCheck: REDIS,
    skipWaitingForReady: 'Calls wait for the cluster by themselves.',
    streams: REDIS,
    telemetry: NONE,
  },
  worker: {
    blockingConnection: REDIS,
    drainDelay: 'Use "claimWaitMs", in milliseconds.',
    lockRenewTime: 'A lease is extended every third of "lockDuration".',
    maxStartedAttempts: 'Use "maxStalledCount".',
    maximumRateLimitDelay: 'Workers wait at the cluster, and get jobs as soon as they may.',
    metrics: NONE,
    name: NONE,
    prefix: 'Give the queue another name, or use another cluster.',
    removeOnComplete: 'It is an option of a job, and of the queue in "defaultJobOptions".',
    removeOnFail: 'It is an option of a job, and of the queue in "defaultJobOptions".',
    runRetryDelay: 'A worker claims again by itself after an error.',
    settings: 'Use the backoff types of the option "backoff" of a job.',
    skipLockRenewal: LEASES,
    skipStalledCheck: 'The cluster ends expired leases by itself.',
    skipVersionCheck: REDIS,
    skipWaitingForReady: 'Calls wait for the cluster by themselves.',
    stalledInterval: 'The cluster ends expired leases by itself, on time.',
    telemetry: NONE,
    useWorkerThreads: 'A processor in a file always runs in threads.',
    workerForkOptions: 'A processor in a file always runs in threads.',
    workerThreadsOptions: 'Use "threads" for their number.',
  },
  job: {
    continueParentOnFailure: CHILD_OPTION,
    failParentOnFailure: CHILD_OPTION,
    ignoreDependencyOnFailure: CHILD_OPTION,
    parent: FLOW,
    prevMillis: SCHEDULER,
    removeDependencyOnFailure: CHILD_OPTION,
    repeat: SCHEDULER,
    repeatJobKey: SCHEDULER,
    sizeLimit: 'Set "payloadBytesMax" of the client and of the cluster.',
    stackTraceLimit: NONE,
    telemetry: NONE,
    timestamp: 'The cluster sets it.',
  },
  backoff: { jitter: NONE },
} as const;
