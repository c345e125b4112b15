import { z } from 'zod';
import { CHILD_STATUSES, type ChildEntry, NO_PARENT, OnFailure, type WrittenFlowJob } from '../../protocol/flow.ts';
import { FLOW_DEPTH_MAX, FLOW_JOBS_MAX } from '../../protocol/limits.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import { type AddOptions, policyOf } from '../../protocol/request-encoder.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { ClientClosedError, JobNotFoundError } from '../errors.ts';
import { FlowTooLargeError } from '../flow-errors.ts';
import { aBoolean, aValue, checkOptions, integerIn, optionsOf } from '../option-check.ts';
import { encodePayload } from '../payload.ts';
import { unexpectedResult } from '../result-errors.ts';
import { FLOW_PRODUCER_MISSING } from './bullmq-names.ts';
import type { Client } from './client.ts';
import { aConnection, acquireClient, CONNECTION_REMEDY, type SharedClient } from './connection-source.ts';
import { checkNotDeduplicated, NOT_IN_FLOW } from './deduplication-options.ts';
import { FlowIds } from './flow-ids.ts';
import type { Job } from './job.ts';
import { pageFrom } from './job-children.ts';
import { QueueCommands } from './job-commands.ts';
import { parseJobId } from './job-id.ts';
import { jobOfAdd, jobOfDetail } from './job-of.ts';
import { addOptionsOf, DEFAULT_JOB_OPTIONS, type DefaultJobOptions, type JobOptions } from './job-options.ts';
import { addMissingNames } from './not-supported.ts';
import { checkQueueName } from './queue-name.ts';

/** The options of a job of a flow. It cannot be deduplicated. */
export type FlowJobOptions = Omit<JobOptions, 'deduplication'>;

/** The options of a child: also what its final failure does to its parent. Default: the parent waits until the child is retried or removed. */
export interface FlowChildOptions extends FlowJobOptions {
  /** The parent fails, too, and with this option its parent. */
  readonly failParentOnFailure?: boolean;
  /** The parent is processed at once, although other children have not ended; see `Job.getIgnoredChildrenFailures`. */
  readonly continueParentOnFailure?: boolean;
  /** The parent waits for the other children only; see `Job.getIgnoredChildrenFailures`. */
  readonly ignoreDependencyOnFailure?: boolean;
  /** Likewise, and the parent knows nothing of the child any more. */
  readonly removeDependencyOnFailure?: boolean;
}

/** A job with the children that it waits for. */
export interface FlowJob<Data = unknown> {
  /** Default: the name of the queue. */
  readonly name?: string;
  readonly queueName: string;
  /** Any JSON value, or a Uint8Array that is kept as raw bytes. */
  readonly data?: Data;
  /** A delay begins once the last child has ended. */
  readonly opts?: FlowJobOptions;
  readonly children?: readonly FlowChildJob[];
}

/** A job that its parent waits for. */
export interface FlowChildJob<Data = unknown> extends Omit<FlowJob<Data>, 'opts'> {
  readonly opts?: FlowChildOptions;
}

/** An added job, or one of {@link FlowProducer.getFlow}, with its children. */
export interface JobNode {
  readonly job: Job;
  readonly children?: JobNode[];
}

export interface FlowProducerOptions {
  /** A cluster, or a Client that the caller creates and closes. */
  readonly connection: ClusterEndpoint | Client;
}

/** The options of {@link FlowProducer.add}. */
export interface FlowOptions {
  /** By the name of a queue: what its jobs have that do not set it themselves. */
  readonly queuesOptions?: Readonly<Record<string, { readonly defaultJobOptions?: DefaultJobOptions }>>;
}

/** Which part of a tree {@link FlowProducer.getFlow} reads. */
export interface GetFlowOptions {
  readonly queueName: string;
  readonly id: string;
  /** Levels, the root included. Default 10. */
  readonly depth?: number;
  /** Children of one job, of each kind. Default 20. */
  readonly maxChildren?: number;
}

const OPTIONS = optionsOf({ connection: aConnection } satisfies Record<keyof FlowProducerOptions, z.ZodType>, CONNECTION_REMEDY);
const FLOW_OPTIONS = optionsOf({
  queuesOptions: z.record(z.string(), optionsOf({ defaultJobOptions: DEFAULT_JOB_OPTIONS.optional() })).optional(),
} satisfies Record<keyof FlowOptions, z.ZodType>);
const A_LIST = aValue(Array.isArray, 'Give a list of jobs: [{ name, queueName, data, opts, children }].');
const NODE = optionsOf(
  {
    name: z.string({ error: 'Give a name as text.' }).optional(),
    queueName: z.unknown(),
    data: z.unknown().optional(),
    opts: z.unknown().optional(),
    children: A_LIST.optional(),
  } satisfies Record<keyof FlowJob, z.ZodType>,
  'Give an object { name, queueName, data, opts, children } for each job.',
  { prefix: 'Give the queue another name, or use another cluster.' },
);
const GET = optionsOf({
  queueName: z.unknown(),
  id: z.unknown(),
  depth: integerIn(1, FLOW_DEPTH_MAX).optional(),
  maxChildren: integerIn(1, FLOW_JOBS_MAX).optional(),
} satisfies Record<keyof GetFlowOptions, z.ZodType>);

/** The rules of a child by their names, each with its value of OnFailure. */
const RULES = {
  failParentOnFailure: OnFailure.failParent,
  continueParentOnFailure: OnFailure.continueParent,
  ignoreDependencyOnFailure: OnFailure.ignore,
  removeDependencyOnFailure: OnFailure.remove,
} as const satisfies Record<Exclude<keyof FlowChildOptions, keyof FlowJobOptions>, number>;
const RULE_NAMES = Object.keys(RULES) as (keyof typeof RULES)[];
const ONE_RULE = aValue<object>(
  (opts) => RULE_NAMES.filter((name) => Reflect.get(opts as object, name) === true).length <= 1,
  `Set one of ${RULE_NAMES.join(', ')} at most.`,
);

/** A job that is about to be added. */
interface Planned {
  readonly source: FlowJob;
  readonly name: string;
  readonly options: AddOptions;
  readonly written: WrittenFlowJob;
}

/** Bytes of a job in a request beside its payload and its texts. */
const JOB_BYTES = 64;

/** Adds flows: trees of jobs over many queues. A job waits until its children have ended, and reads their results. */
export class FlowProducer implements AsyncDisposable {
  readonly #lease: SharedClient;
  #closing: Promise<void> | undefined;

  static {
    addMissingNames(FlowProducer, 'FlowProducer', FLOW_PRODUCER_MISSING);
  }

  /** @throws {UnknownOptionError | InvalidOptionError} */
  constructor(options: FlowProducerOptions) {
    checkOptions(OPTIONS, options);
    this.#lease = acquireClient(options.connection);
  }

  async waitUntilReady(): Promise<void> {
    await this.#lease.client.connect();
  }

  /**
   * Adds a job with all jobs below it: all or none of them. If the queue of the root has a job with its `jobId`, nothing is added, and the
   * returned node is that job alone.
   * @throws {FlowTooLargeError | InvalidPayloadError | PayloadTooLargeError | UnknownOptionError | InvalidOptionError} nothing was sent
   * @throws {FlowIdTakenError} if the queue of a job below the root has a job with its `jobId`; nothing was added
   * @throws {OverloadedError | ClusterVersionError | ClientClosedError} nothing was added
   * @throws {DeadlineError | NoLeaderError | QuorumLostError | SessionExpiredError | ClusterClosedError} see the error's `outcome`
   */
  async add(flow: FlowJob, options?: FlowOptions): Promise<JobNode> {
    const [node] = await this.#add([flow], options);
    return node as JobNode;
  }

  /** Adds many flows: all or none of them. See {@link add}. */
  async addBulk(flows: readonly FlowJob[]): Promise<JobNode[]> {
    checkOptions(A_LIST, flows, ['flows']);
    return flows.length === 0 ? [] : await this.#add(flows, undefined);
  }

  /**
   * A job with the jobs below it, level by level, by linearizable reads; no snapshot. Children that were removed, or that their queue did not
   * keep, are left out.
   * @returns undefined if the queue has no such job.
   * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async getFlow(options: GetFlowOptions): Promise<JobNode | undefined> {
    this.#checkOpen();
    checkOptions(GET, options);
    const { queueName, id, depth = 10, maxChildren = 20 } = options;
    checkQueueName(queueName);
    return await this.#nodeOf(queueName, parseJobId(id), depth, maxChildren);
  }

  /** Closes the client if the producer created it and is its last user. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#lease.release();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ClientClosedError();
  }

  async #add(flows: readonly FlowJob[], options: FlowOptions | undefined): Promise<JobNode[]> {
    this.#checkOpen();
    if (options !== undefined) checkOptions(FLOW_OPTIONS, options);
    const { dispatcher, clock } = this.#lease.client;
    const { payloadBytesMax } = dispatcher.config;
    const planned = plan(flows, options, payloadBytesMax);
    const bytes = planned.reduce((sum, { written }) => sum + bytesOf(written), 0);
    if (bytes > payloadBytesMax)
      throw new FlowTooLargeError(
        `The ${planned.length} jobs of the flow have ${bytes} bytes together, ${payloadBytesMax} are allowed. ` +
          'Store the data elsewhere and put its address into the jobs, add less at once, or raise "payloadBytesMax" of the cluster and of the client.',
      );
    const result = await new Promise<OperationResult>((resolve, reject) => {
      dispatcher.open(bytes).addFlow(planned.map(({ written }) => written));
      dispatcher.commit({ onResult: resolve, onError: reject });
    });
    if (!result.ok || result.type !== 'flowAdded') throw unexpectedResult(result);
    return this.#nodes(planned, result, clock.wallMs());
  }

  /** The trees of the added jobs. Those of a root that was there before are not. */
  #nodes(
    planned: readonly Planned[],
    { firstId, ids }: { readonly firstId: number; readonly ids: readonly number[] },
    addedMs: number,
  ): JobNode[] {
    const commands = new Map<string, QueueCommands>();
    const roots: JobNode[] = [];
    const nodes: { readonly job: Job; children?: JobNode[] }[] = [];
    const isNew: boolean[] = [];
    let nextId = firstId;
    for (const { source, name, options, written } of planned) {
      const { parent, queueName } = written;
      const rootId = parent === NO_PARENT ? (ids[roots.length] ?? 0) : firstId;
      isNew.push(parent === NO_PARENT ? rootId >= firstId : isNew[parent] === true);
      const id = isNew.at(-1) === true ? nextId++ : rootId;
      const known = commands.get(queueName) ?? new QueueCommands(queueName, this.#lease.client.dispatcher);
      commands.set(queueName, known);
      const node = { job: jobOfAdd(queueName, known, id, addedMs, options, name, source.data) };
      nodes.push(node);
      const parentNode = nodes[parent];
      if (parentNode === undefined) roots.push(node);
      else if (isNew.at(-1) === true) {
        parentNode.children ??= [];
        parentNode.children.push(node);
      }
    }
    return roots;
  }

  async #nodeOf(queueName: string, id: number | string, depth: number, maxChildren: number): Promise<JobNode | undefined> {
    const commands = new QueueCommands(queueName, this.#lease.client.dispatcher);
    const detail = await commands.find(id, 'linearizable');
    if (detail === undefined) return undefined;
    const job = jobOfDetail(detail, commands);
    if (depth === 1) return { job };
    const entries = await childrenOf(commands, detail.id, maxChildren);
    if (entries === undefined) return undefined;
    const children = await Promise.all(entries.map((child) => this.#nodeOf(child.queue, child.id, depth - 1, maxChildren)));
    const there = children.filter((child) => child !== undefined);
    return there.length === 0 ? { job } : { job, children: there };
  }
}

/** The first children of a job, of each kind, by their ids. @returns undefined if it was removed between the reads. */
async function childrenOf(commands: QueueCommands, jobId: number, count: number): Promise<readonly ChildEntry[] | undefined> {
  /** One that ends between the reads is of two kinds. */
  const entries = new Map<number, ChildEntry>();
  try {
    for (const status of CHILD_STATUSES)
      for (const child of (await pageFrom(commands, jobId, status, { count }, false)).children) entries.set(child.id, child);
  } catch (error) {
    if (error instanceof JobNotFoundError) return undefined;
    throw error;
  }
  return [...entries.values()].sort((one, other) => one.id - other.id);
}

/** The jobs of trees level by level, as a request has them. @throws {FlowTooLargeError | UnknownOptionError | InvalidOptionError} */
function plan(flows: readonly FlowJob[], options: FlowOptions | undefined, payloadBytesMax: number): Planned[] {
  const planned: Planned[] = [];
  const ids = new FlowIds();
  const level = flows.map((source, at) => ({ source, parent: NO_PARENT, depth: 1, at: flows.length === 1 ? ['flow'] : ['flows', at] }));
  // The list grows while it is read.
  for (const { source, parent, depth, at } of level) {
    checkOptions(NODE, source, at);
    checkQueueName(source.queueName);
    if (depth > FLOW_DEPTH_MAX)
      throw new FlowTooLargeError(`The flow has more than ${FLOW_DEPTH_MAX} levels. Use fewer levels of children.`);
    const job = plannedOf(source, parent, options, at, payloadBytesMax);
    ids.take(job.written, [...at, 'opts', 'jobId']);
    planned.push(job);
    const here = planned.length - 1;
    (source.children ?? []).forEach((child, place) => {
      level.push({ source: child, parent: here, depth: depth + 1, at: [...at, 'children', place] as (string | number)[] });
    });
    if (level.length > FLOW_JOBS_MAX)
      throw new FlowTooLargeError(
        `The flow has ${level.length} jobs or more, ${FLOW_JOBS_MAX} are allowed. Split the work into several flows, or let one child do more of it.`,
      );
  }
  return planned;
}

function plannedOf(
  source: FlowChildJob,
  parent: number,
  flow: FlowOptions | undefined,
  at: readonly (string | number)[],
  payloadBytesMax: number,
): Planned {
  const { queueName, name = queueName, data, opts } = source;
  const { onFailure, rest } = parent === NO_PARENT ? { onFailure: OnFailure.wait, rest: opts } : ruleIn(opts, at);
  const defaults = flow?.queuesOptions?.[queueName]?.defaultJobOptions;
  const options = addOptionsOf(rest, addOptionsOf(defaults), [...at, 'opts']);
  checkNotDeduplicated(options, [...at, 'opts', 'deduplication'].join('.'), NOT_IN_FLOW);
  const { delayMs, priority, customId = '' } = options;
  // A copy: the next payload is encoded into the same memory.
  const payload = encodePayload(name, data, payloadBytesMax).slice();
  return {
    source,
    name,
    options,
    written: { parent, onFailure, queueName, customId, policy: policyOf(options), delayMs, priority, payload },
  };
}

/** What the failure of a child does, and its other options. @throws {InvalidOptionError} */
function ruleIn(
  opts: FlowChildOptions | undefined,
  at: readonly (string | number)[],
): { readonly onFailure: number; readonly rest: FlowJobOptions | undefined } {
  if (typeof opts !== 'object' || opts === null) return { onFailure: OnFailure.wait, rest: opts };
  let onFailure: number = OnFailure.wait;
  const rest: Record<string, unknown> = { ...opts };
  for (const name of RULE_NAMES) {
    if (rest[name] !== undefined) checkOptions(aBoolean, rest[name], [...at, 'opts', name]);
    if (rest[name] === true) onFailure = RULES[name];
  }
  checkOptions(ONE_RULE, rest, [...at, 'opts']);
  for (const name of RULE_NAMES) delete rest[name];
  return { onFailure, rest };
}

/** A character has at most three bytes. */
const bytesOf = ({ payload, queueName, customId }: WrittenFlowJob): number =>
  JOB_BYTES + payload.length + 3 * (queueName.length + customId.length);
