import { type sendUnaryData, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Client } from '../../client/api/client.ts';
import { checkedProgress, delayOf, priorityOf } from '../../client/api/job-changes.ts';
import type { QueueCommands } from '../../client/api/job-commands.ts';
import { parseGivenJobId, parseJobId } from '../../client/api/job-id.ts';
import { JobList, type ListedState, type ListOptions } from '../../client/api/job-list.ts';
import { addOptionsOf } from '../../client/api/job-options.ts';
import { checkQueueName } from '../../client/api/queue-name.ts';
import { JobNotFoundError } from '../../client/errors.ts';
import { decodeName, encodeRawPayload, encodeRawValue } from '../../client/payload.ts';
import { unexpectedResult } from '../../client/result-errors.ts';
import { StateCode } from '../../protocol/job-state.ts';
import type { JobDetail, OperationResult } from '../../protocol/reply.ts';
import type {
  AddBulkRequestProto,
  ChangeDelayRequestProto,
  ChangePriorityRequestProto,
  ClaimRequestProto,
  CleanRequestProto,
  HoldClaimsRequestProto,
  JobRequestProto,
  LeaseRequestProto,
  ListJobsRequestProto,
  NewJobProto,
  PayloadProto,
  QueueRequestProto,
  RequestIdProto,
  SetConcurrencyRequestProto,
  SetRateLimitRequestProto,
  UpdateDataRequestProto,
  UpdateProgressRequestProto,
} from '../../transport/grpc/jobs-service.ts';
import { DEDUPLICATION_CALLS } from './deduplication-calls.ts';
import { EVENT_CALLS } from './event-calls.ts';
import { FLOW_CALLS } from './flow-calls.ts';
import { changeOfJob, commandsOf } from './job-change.ts';
import { claimedJobProto, consistencyOf, jobOptionsOfProto, jobProto, listedStateOf, rawDataOfProto } from './job-protos.ts';
import { LOG_CALLS } from './log-calls.ts';
import { claim, done, operationOf, resultOf, type ServedCall } from './operations.ts';
import { countOf } from './page-size.ts';
import { SCHEDULER_CALLS } from './scheduler-calls.ts';
import { serviceErrorOf } from './service-errors.ts';
import { TRANSACTION_CALLS } from './transaction-calls.ts';

const LEASE_MS = 30_000;
const STALLED_MAX = 1;
/** A page ends before it: a client of gRPC receives 4 MiB by default. */
const PAGE_BYTES_MAX = 3 * 1024 * 1024;
/** Jobs of a page that are read together, however large they are. */
const JOBS_PER_READ = 32;
/** Fields of a job in a page, beside its payload and its result. */
const JOB_BYTES = 256;

type Serve = (request: never, served: ServedCall) => Promise<object>;
interface UnaryCall {
  readonly request: unknown;
  on(event: 'cancelled', listener: () => void): void;
  /** Infinity without one. */
  getDeadline(): Date | number;
}
/** @param leftMs until the call's deadline. @param gone aborted when its caller is gone. @returns undefined until the cluster is formed. */
type ServedCallOf = (leftMs: number, gone: AbortSignal) => ServedCall | undefined;

export function implementationOf(calls: Readonly<Record<string, Serve>>, servedCall: ServedCallOf): UntypedServiceImplementation {
  return Object.fromEntries(Object.entries(calls).map(([name, serve]) => [name, handlerOf(serve, servedCall)]));
}

function handlerOf(serve: Serve, servedCall: ServedCallOf) {
  return (call: UnaryCall, reply: sendUnaryData<object>): void => {
    const gone = new AbortController();
    const served = servedCall(Number(call.getDeadline()) - Date.now(), gone.signal);
    if (served === undefined) {
      reply({ code: status.UNAVAILABLE, details: 'The cluster is not formed yet. Start its other nodes.' });
      return;
    }
    call.on('cancelled', () => gone.abort());
    // Also an error that is thrown before there is a promise.
    new Promise<object>((resolve) => resolve(serve(call.request as never, served))).then(
      (response) => reply(null, response),
      (error: unknown) => reply(serviceErrorOf(error)),
    );
  };
}

/** What a node serves of the service Jobs, as a client of its own cluster: the leader answers, whichever node is called. */
export const jobsImplementation = (servedCall: ServedCallOf): UntypedServiceImplementation => implementationOf(CALLS, servedCall);

const CALLS = {
  OpenSession: async (_request: object, served: ServedCall) => ({ session: await served.openSession() }),
  Add: async (request: NewJobProto & { readonly queue: string; readonly request_id: RequestIdProto | null }, served: ServedCall) =>
    await add(served, request.request_id, request.queue, request),
  AddBulk: addBulk,
  Claim: claimJobs,
  Begin: async ({ id, token, request_id }: LeaseRequestProto, served: ServedCall) => {
    const jobId = parseGivenJobId(id);
    await done(served, request_id, (encoder) => encoder.command('begin', { jobId, token }));
    return {};
  },
  Extend: async ({ id, token, request_id, lease_ms }: LeaseRequestProto & { readonly lease_ms: number }, served: ServedCall) => {
    const jobId = parseGivenJobId(id);
    const leaseMs = lease_ms === 0 ? LEASE_MS : lease_ms;
    await done(served, request_id, (encoder) => encoder.command('extend', { jobId, token, leaseMs }));
    return {};
  },
  Complete: async ({ id, token, request_id, result }: LeaseRequestProto & { readonly result: PayloadProto | null }, served: ServedCall) => {
    const jobId = parseGivenJobId(id);
    const value = encodeRawValue(rawDataOfProto(result));
    await done(served, request_id, (encoder) => encoder.complete(jobId, token, value), value.length);
    return {};
  },
  Fail: async (
    { id, token, request_id, reason, unrecoverable }: LeaseRequestProto & { readonly reason: string; readonly unrecoverable: boolean },
    served: ServedCall,
  ) => {
    const jobId = parseGivenJobId(id);
    await done(served, request_id, (encoder) => encoder.command('fail', { jobId, token, reason, retry: !unrecoverable }), reason.length);
    return {};
  },
  Release: async ({ id, token, request_id }: LeaseRequestProto, served: ServedCall) => {
    const jobId = parseGivenJobId(id);
    await done(served, request_id, (encoder) => encoder.command('release', { jobId, token }));
    return {};
  },
  Retry: async (request: JobRequestProto, served: ServedCall) =>
    await changeJob('done', request, served, (encoder, job) => encoder.command('retry', job)),
  Remove: async (request: JobRequestProto, served: ServedCall) =>
    await changeJob('done', request, served, (encoder, job) => encoder.command('remove', job)),
  Promote: async (request: JobRequestProto, served: ServedCall) =>
    await changeJob('done', request, served, (encoder, job) => encoder.command('promote', job)),
  ChangePriority: async (request: ChangePriorityRequestProto, served: ServedCall) => {
    const priority = priorityOf({ priority: request.priority });
    return await changeJob('done', request, served, (encoder, job) => encoder.command('changePriority', { ...job, priority }));
  },
  ChangeDelay: async (request: ChangeDelayRequestProto, served: ServedCall) => {
    const delayMs = delayOf(request.delay_ms);
    return await changeJob('done', request, served, (encoder, job) => encoder.command('changeDelay', { ...job, delayMs }));
  },
  UpdateProgress: async (request: UpdateProgressRequestProto, served: ServedCall) => {
    const { token } = request;
    const payload = checkedProgress(encodeRawValue(rawDataOfProto(request.progress)));
    return await changeJob('done', request, served, (encoder, job) => encoder.command('updateProgress', { ...job, token, payload }));
  },
  UpdateData: updateData,
  Clean: async (request: CleanRequestProto, served: ServedCall) => {
    const state = StateCode[listedStateOf(request.state)];
    return await changeJob('removed', request, served, (encoder, job) =>
      encoder.command('clean', { ...job, state, graceMs: request.grace_ms }),
    );
  },
  GetJob: async ({ queue, id, consistency }: JobRequestProto, { client }: ServedCall) => {
    const sought = parseJobId(id);
    return jobProto((await commandsOf(client, queue).find(sought, consistencyOf(consistency))) ?? raise(new JobNotFoundError(sought)));
  },
  ListJobs: listOfJobs,
  GetCounts: async ({ queue, consistency }: QueueRequestProto, { client }: ServedCall) => {
    const { 'waiting-children': waiting_children, ...counts } = await commandsOf(client, queue).counts(consistencyOf(consistency));
    return { ...counts, waiting_children };
  },
  ListQueues: async (
    { after, count_max }: { readonly after: number; readonly count_max: number },
    { client: { dispatcher } }: ServedCall,
  ) => {
    const countMax = countOf(count_max);
    const { names, last, isOver } = await resultOf('queueNames', (call) =>
      dispatcher.query('linearizable', (encoder) => encoder.command('queueNames', { after, countMax }), call),
    );
    return { names, last, is_over: isOver };
  },
  PauseQueue: async ({ queue }: QueueRequestProto, { client }: ServedCall) => await pause(client, queue, true),
  ResumeQueue: async ({ queue }: QueueRequestProto, { client }: ServedCall) => await pause(client, queue, false),
  SetConcurrency: async ({ queue, concurrency_max: concurrencyMax }: SetConcurrencyRequestProto, { client }: ServedCall) => {
    await commandsOf(client, queue).command((encoder) => encoder.command('setConcurrency', { queue, concurrencyMax }));
    return {};
  },
  SetRateLimit: async ({ queue, rate_max: rateMax, rate_ms }: SetRateLimitRequestProto, { client }: ServedCall) => {
    const rateMs = rateMax === 0 ? 1 : rate_ms;
    await commandsOf(client, queue).command((encoder) => encoder.command('setRateLimit', { queue, rateMax, rateMs }));
    return {};
  },
  HoldClaims: async ({ queue, hold_ms: holdMs }: HoldClaimsRequestProto, { client }: ServedCall) => {
    await commandsOf(client, queue).command((encoder) => encoder.command('holdClaims', { queue, holdMs }));
    return {};
  },
  GetQueue: async ({ queue, consistency }: QueueRequestProto, { client }: ServedCall) => {
    const commands = commandsOf(client, queue);
    const [result, concurrencyMax, rate] = await Promise.all([
      commands.query(consistencyOf(consistency), (encoder) => encoder.command('isPaused', { queue })),
      commands.concurrency(consistencyOf(consistency)),
      commands.rateLimit(consistencyOf(consistency)),
    ]);
    if (!result.ok || result.type !== 'paused') throw unexpectedResult(result);
    const { max = 0, durationMs = 0 } = rate ?? {};
    return { queue, paused: result.isPaused, concurrency_max: concurrencyMax, rate_max: max, rate_ms: Math.ceil(durationMs) };
  },
  ReleaseHolder: async ({ holder }: { readonly holder: number }, { client }: ServedCall) => {
    await client.releaseHolder(holder);
    return {};
  },
  ...SCHEDULER_CALLS,
  ...DEDUPLICATION_CALLS,
  ...EVENT_CALLS,
  ...FLOW_CALLS,
  ...LOG_CALLS,
  ...TRANSACTION_CALLS,
} satisfies Record<string, Serve>;

function raise(error: unknown): never {
  throw error;
}

/** A job as the cluster takes it. @throws {InvalidOptionError | InvalidPayloadError | PayloadTooLargeError} */
function jobOf({ dispatcher }: Client, { name, data, options }: NewJobProto) {
  return {
    added: addOptionsOf(jobOptionsOfProto(options)),
    payload: encodeRawPayload(name, rawDataOfProto(data), dispatcher.config.payloadBytesMax),
  };
}

async function add(served: ServedCall, id: RequestIdProto | null, queue: string, job: NewJobProto): Promise<AddedProto> {
  checkQueueName(queue);
  const { added, payload } = jobOf(served.client, job);
  const issue = operationOf(served, id, (encoder) => encoder.add(queue, payload, added), payload.length);
  return addedProto(await new Promise<OperationResult>((resolve, reject) => issue({ onResult: resolve, onError: reject })));
}

interface AddedProto {
  readonly id: string;
  /** No job was added: the id is that of another one. */
  readonly deduplicated?: true;
}

function addedProto(result: OperationResult): AddedProto {
  if (result.ok && result.type === 'added') return { id: String(result.id) };
  if (result.ok && result.type === 'deduplicated') return { id: String(result.id), deduplicated: true };
  throw unexpectedResult(result);
}

const bulkProto = (added: readonly AddedProto[]) => ({
  ids: added.map(({ id }) => id),
  deduplicated: added.flatMap(({ deduplicated }, at) => (deduplicated === true ? [at] : [])),
});

/** With a session all jobs are one request. */
async function addBulk({ queue, jobs, request_id }: AddBulkRequestProto, served: ServedCall): Promise<ReturnType<typeof bulkProto>> {
  if (request_id === null || jobs.length === 0) {
    const added = await Promise.allSettled(jobs.map((job) => add(served, null, queue, job)));
    return bulkProto(added.map((one) => (one.status === 'fulfilled' ? one.value : raise(one.reason))));
  }
  checkQueueName(queue);
  const checked = jobs.map((job) => jobOf(served.client, job));
  const results = await served.inSession(request_id, (encoder) => {
    for (const { payload, added } of checked) encoder.add(queue, payload, added);
  });
  return bulkProto(results.map(addedProto));
}

async function claimJobs(request: ClaimRequestProto, served: ServedCall) {
  const { queue, count_max, lease_ms, wait_ms: waitMs, max_stalled_count: stalledMax = STALLED_MAX, ahead, holder, request_id } = request;
  checkQueueName(queue);
  const countMax = count_max === 0 ? 1 : count_max;
  const limiter = request.limiter_max === 0 ? undefined : { max: request.limiter_max, durationMs: request.limiter_ms };
  const leaseMs = lease_ms === 0 ? LEASE_MS : lease_ms;
  // A reply that is lost counts a stall of a begun job: one that may not stall begins by a call of its own.
  const beginMax = ahead || stalledMax === 0 ? 0 : countMax;
  const jobs = await claim(served, request_id, queue, { countMax, beginMax, leaseMs, waitMs, stalledMax, holder, limiter });
  return { jobs: jobs.map((job) => claimedJobProto(queue, job)) };
}

async function listOfJobs({ queue, state, start, count_max, ascending, consistency }: ListJobsRequestProto, { client }: ServedCall) {
  const commands = commandsOf(client, queue);
  const options = { start, end: start + countOf(count_max) - 1, asc: ascending, consistency: consistencyOf(consistency) };
  const listed = listedStateOf(state);
  const [jobs, counts] = await Promise.all([pageOfJobs(commands, listed, options), commands.counts(options.consistency)]);
  return { jobs: jobs.map(jobProto), total: counts[listed] };
}

/** At least one job, if there is one, and no more than {@link PAGE_BYTES_MAX} otherwise. */
async function pageOfJobs(commands: QueueCommands, listed: ListedState, options: ListOptions): Promise<readonly JobDetail[]> {
  const jobs: JobDetail[] = [];
  let bytes = 0;
  for await (const details of new JobList(commands, listed, options, JOBS_PER_READ).pages())
    for (const detail of details) {
      bytes += bytesOf(detail);
      if (bytes > PAGE_BYTES_MAX && jobs.length > 0) return jobs;
      jobs.push(detail);
    }
  return jobs;
}

const bytesOf = ({ payload, result, progress, failedReason = '' }: JobDetail): number =>
  JOB_BYTES + (payload?.length ?? 0) + (result?.length ?? 0) + (progress?.length ?? 0) + failedReason.length;

/** As {@link changeOfJob}, whose result says nothing more. */
async function changeJob(...call: Parameters<typeof changeOfJob<'done' | 'removed'>>) {
  await changeOfJob(...call);
  return {};
}

/** The payload has the name of the job in it, which stays. A repetition gets the first reply, also if the job is gone. */
async function updateData(request: UpdateDataRequestProto, served: ServedCall) {
  const { queue, id, token, data } = request;
  const { client } = served;
  const job = await commandsOf(client, queue).find(parseJobId(id), 'linearizable');
  const name = job?.payload === undefined ? '' : decodeName(job.payload);
  const payload = encodeRawPayload(name, rawDataOfProto(data), client.dispatcher.config.payloadBytesMax);
  return await changeJob(
    'done',
    request,
    served,
    (encoder, named) => encoder.command('updateData', { ...named, token, payload }),
    payload.length,
  );
}

async function pause(client: Client, queue: string, isPaused: boolean) {
  await commandsOf(client, queue).command((encoder) => encoder.command('pause', { queue, isPaused }));
  return { queue, paused: isPaused };
}
