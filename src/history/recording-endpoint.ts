import { ByteReader } from '../base/bytes.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import type { ReadConsistency } from '../protocol/client-frame.ts';
import { readClientFrames, readServerFrames } from '../protocol/client-frame.ts';
import { COMMANDS, type CommandRow } from '../protocol/commands.ts';
import { readFlow } from '../protocol/flow.ts';
import { MACHINE_VERSION } from '../protocol/machine-version.ts';
import type { Policy } from '../protocol/policy.ts';
import { type ClaimedJob, decodeReply, type JobDetail, type OperationResult } from '../protocol/reply.ts';
import { readRequestHeader } from '../protocol/request-encoder.ts';
import { OF_QUERIES, OperationReader } from '../protocol/request-reader.ts';
import { readSchedulerHead } from '../protocol/scheduler.ts';
import {
  type Calls,
  hasNoValue,
  type JobKey,
  keyOfTick,
  nameOf,
  type OperationFunction,
  type Results,
  recordedPolicy,
} from './functions.ts';
import type { HistoryRecorder, OpenCall } from './history.ts';

export interface RecordingOptions {
  readonly recorder: HistoryRecorder;
  /** The key that the client put into the payload of the job that it added. */
  readonly keyOf: (payload: Uint8Array) => JobKey;
}

/** An operation in flight, and how to record its outcome. */
type Pending = (result: OperationResult, sends: number) => void;

interface SentRequest {
  readonly operations: Pending[];
  sends: number;
  hasReply: boolean;
}

/**
 * Sits between a client and a cluster and records every queue operation: the invocation before the request is first sent,
 * the outcome before the client receives it. It therefore sees what a `Worker` does by itself: claims, extensions, completions. A repeated
 * request is the same operation; one without a reply stays open, regardless of how its client handles it. Adds with the option `jobId` or
 * `deduplication` are not recorded: a history with them is not that of all jobs.
 */
export class RecordingEndpoint implements ClusterEndpoint {
  readonly #cluster: ClusterEndpoint;
  readonly #options: RecordingOptions;
  /** By client and sequence. Also answered ones, until the client acknowledges the reply: it may repeat them before it reads the reply. */
  readonly #sent = new Map<number, Map<number, SentRequest>>();
  readonly #reader = new OperationReader();

  constructor(cluster: ClusterEndpoint, options: RecordingOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  outageCause(): ReturnType<NonNullable<ClusterEndpoint['outageCause']>> {
    return this.#cluster.outageCause?.();
  }

  get clusterIdentity(): unknown {
    return this.#cluster.clusterIdentity ?? this.#cluster;
  }

  get isClosed(): boolean {
    return this.#cluster.isClosed ?? false;
  }

  nodeIds(): readonly number[] {
    return this.#cluster.nodeIds();
  }

  onClosed(listener: () => void): () => void {
    return this.#cluster.onClosed?.(listener) ?? (() => undefined);
  }

  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    const channel = this.#cluster.openChannel(node, {
      onPacket: (packet) => {
        this.#onReplies(packet);
        handlers.onPacket(packet);
      },
      onLost: () => handlers.onLost(),
    });
    if (channel === undefined) return undefined;
    return {
      send: (packet) => {
        this.#onRequests(packet);
        channel.send(packet);
      },
      close: () => channel.close(),
    };
  }

  #onRequests(packet: Uint8Array): void {
    for (const frame of readClientFrames(packet)) {
      if (frame.type !== 'request' && frame.type !== 'query') continue;
      const consistency = frame.type === 'query' ? frame.consistency : 'linearizable';
      const reader = new ByteReader(frame.request);
      const { client, sequence, acknowledgedBelow, operations } = readRequestHeader(reader);
      const sent = this.#sent.get(client) ?? new Map<number, SentRequest>();
      this.#sent.set(client, sent);
      const known = sent.get(sequence);
      if (known !== undefined) {
        known.sends += 1;
        continue;
      }
      dropAcknowledged(sent, acknowledgedBelow);
      this.#reader.begin();
      const pending: Pending[] = [];
      for (let read = 0; read < operations; read += 1) {
        const row = this.#reader.next(reader, frame.type === 'query' ? OF_QUERIES : MACHINE_VERSION);
        pending.push(this.#invoke(row, frame.request, consistency));
      }
      sent.set(sequence, { operations: pending, sends: 1, hasReply: false });
    }
  }

  #onReplies(packet: Uint8Array): void {
    for (const frame of readServerFrames(packet)) {
      if (frame.type !== 'reply' && frame.type !== 'part') continue;
      const { client, sequence, results } = decodeReply(frame.reply);
      const request = this.#sent.get(client)?.get(sequence);
      if (request === undefined || request.hasReply) continue;
      if (frame.type === 'part') {
        for (const [offset, result] of results.entries()) {
          request.operations[frame.first + offset]?.(result, request.sends);
          request.operations[frame.first + offset] = () => undefined;
        }
        continue;
      }
      request.hasReply = true;
      for (const [at, end] of request.operations.entries()) {
        const result = results[at] ?? results[0];
        if (result !== undefined) end(result, request.sends);
      }
    }
  }

  #invoke(row: CommandRow, request: Uint8Array, consistency: ReadConsistency): Pending {
    const { recorder, keyOf } = this.#options;
    const operation = this.#reader;
    // Sessions are internal to the client, and so are the jobs of an ended process.
    if (row.name === 'addFlow') return this.#invokeFlow(request);
    if (row.name === 'stateCounts') return this.#invokeCounts(consistency);
    if (row.isInternal === true && row.name !== 'claimLimited') return () => {};
    // The only cast: every command that is not internal is a function of histories.
    const f = row.name === 'claimLimited' ? 'claim' : (row.name as OperationFunction);
    const call = callOf(row, operation, consistency);
    if (f === 'add') {
      const { blobAt, blobLength } = operation;
      // A failed attempt is recorded as one that may be followed by any pause.
      const { backoff, backoffMs, ...all } = operation.policy as Policy;
      const policy = recordedPolicy(all);
      const key = keyOf(request.subarray(blobAt, blobAt + blobLength));
      const added = recorder.invoke('add', { ...(call as Calls['add']), ...policy, key });
      return endWith(added, (result) => (result.type === 'added' ? { job: result.id } : undefined));
    }
    if (f === 'upsertScheduler') return this.#invokeUpsert(request, call as Calls['upsertScheduler']);
    const open = recorder.invoke(f, call);
    if (f === 'getJob') {
      return (result, sends) => {
        if (!result.ok && result.code === 'JOB_NOT_FOUND') open.ok({ state: null });
        else endWith(open, (one) => (one.type === 'job' ? readOf(one.job) : undefined))(result, sends);
      };
    }
    return endWith(open, (result) => this.#resultOf(f, result));
  }

  #invokeCounts(consistency: ReadConsistency): Pending {
    const call = { queue: this.#reader.queueName, ...(consistency === 'stale' ? { consistency } : {}) };
    return endWith(this.#options.recorder.invoke('counts', call), (result) => {
      if (result.type !== 'stateCounts') return undefined;
      const { delayed, waiting, active, completed, failed, waitingChildren } = result;
      return { delayed, waiting, active, completed, failed, 'waiting-children': waitingChildren };
    });
  }

  /** One add for each job of the flow. */
  #invokeFlow(request: Uint8Array): Pending {
    const { recorder, keyOf } = this.#options;
    const { blobAt, blobLength } = this.#reader;
    const flow = request.subarray(blobAt, blobAt + blobLength);
    const jobs = readFlow(flow);
    const keys = jobs.map((job) => keyOf(flow.subarray(job.blobAt, job.blobAt + job.blobLength)));
    const ends = jobs.map(({ parent, queueName: queue, policy, delayMs, priority, onFailure, hasChildren }, at) => {
      const { backoff, ...shared } = policy;
      const parentKey = keys[parent];
      const child = parentKey === undefined ? {} : { parentKey, onFailure };
      const call = { ...shared, key: keys[at] as JobKey, queue, delayMs, priority, hasChildren, ...child };
      return endWith(recorder.invoke('add', call), (result) =>
        // A root that was there before has none of the ids behind `firstId`.
        result.type === 'flowAdded' && result.ids.every((id) => id >= result.firstId) ? { job: result.firstId + at } : undefined,
      );
    });
    return (result, sends) => {
      for (const end of ends) end(result, sends);
    };
  }

  #invokeUpsert(request: Uint8Array, call: Calls['upsertScheduler']): Pending {
    const { blobAt, blobLength, policy } = this.#reader;
    const { backoff, ...all } = policy as Policy;
    const shared = recordedPolicy(all);
    const bytes = request.subarray(blobAt, blobAt + blobLength);
    const { scheduler, payloadAt } = readSchedulerHead(bytes);
    const key = this.#options.keyOf(bytes.subarray(payloadAt));
    return endWith(this.#options.recorder.invoke('upsertScheduler', { ...call, ...shared, scheduler, key }), ({ type }) =>
      type === 'done' ? null : undefined,
    );
  }

  /** The result as a history has it; undefined when it belongs to another kind of operation. */
  #resultOf<F extends Exclude<OperationFunction, 'add'>>(f: F, result: Applied): Results[F] | undefined {
    // The only casts: the type of a result is the one that the row of its command names.
    if (result.type !== COMMANDS[f].result) return undefined;
    if (result.type === 'claimed') return { jobs: result.jobs.map((one) => this.#claimed(one)) } as unknown as Results[F];
    if (result.type === 'counts') return { ...result.counts } as unknown as Results[F];
    if (result.type === 'logs') return { total: result.total } as unknown as Results[F];
    if (hasNoValue(f)) return null as Results[F];
    const { ok, type, ...fields } = result;
    return fields as unknown as Results[F];
  }

  #claimed({ id, token, attempt, isBegun, stalls, payload, tick }: ClaimedJob) {
    const claimed = { job: id, token, attempt, isBegun, stalls, ...tick };
    if (payload === undefined) return claimed;
    const key = this.#options.keyOf(payload);
    return { ...claimed, key: tick === undefined ? key : keyOfTick(key, tick.tick) };
  }
}

function dropAcknowledged(sent: Map<number, SentRequest>, acknowledgedBelow: number): void {
  for (const [sequence, { hasReply }] of sent) {
    if (sequence >= acknowledgedBelow) return;
    if (hasReply) sent.delete(sequence);
  }
}

const readOf = ({ state, token, attempt, stalls }: JobDetail) => ({ state, token, attempt, stalls });

type Applied = Extract<OperationResult, { readonly ok: true }>;

/** The arguments of an operation, as a history names them. A lease guarantees a linearizable read. */
function callOf(row: CommandRow, operation: OperationReader, consistency: ReadConsistency): Calls[OperationFunction] {
  const call: Record<string, unknown> = row.needs === 'nothing' ? {} : { queue: operation.queueName };
  // The only casts: the reader has a value of each field, and the names of a call are derived from the row.
  const values = operation as unknown as Readonly<Record<string, unknown>>;
  for (const { name, field } of row.fieldList) if (!field.isVariable) call[nameOf(name)] = values[name];
  if ('scheduler' in row.fields) call.scheduler = operation.scheduler;
  if ('deduplicationId' in row.fields) call.deduplicationId = operation.deduplicationId;
  if (!row.writes && consistency === 'stale') call.consistency = consistency;
  return call as unknown as Calls[OperationFunction];
}

/** @param read the operation's result, or undefined when the reply belongs to another kind of operation. */
function endWith<F extends OperationFunction>(
  call: OpenCall<F>,
  read: (result: Applied) => Parameters<OpenCall<F>['ok']>[0] | undefined,
): Pending {
  return (result, sends) => {
    if (!result.ok) {
      // The session ended, and with it the record of an earlier attempt.
      if (result.code === 'SESSION_EXPIRED' && sends > 1) call.info(result.code);
      else call.fail(result.code);
      return;
    }
    const value = read(result);
    if (value === undefined) call.info(`answered with ${result.type}`);
    else call.ok(value);
  };
}
