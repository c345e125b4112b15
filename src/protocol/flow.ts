import { ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { customId as customIdField, durationMs, type Field, InvalidOperationError, payload, u32Between } from './fields.ts';
import { FLOW_DEPTH_MAX, FLOW_JOBS_MAX, PRIORITY_MAX, QUEUE_NAME_BYTES_MAX } from './limits.ts';
import { FLOWS_VERSION } from './machine-version.ts';
import { layoutOfPolicy, POLICY_LAYOUT_OF_CODE, type Policy, readPolicy, writePolicy } from './policy.ts';

/** What the final failure of a child does to its parent; a code is a position. */
export const CHILD_FAILURE_RULES = ['wait', 'failParent', 'continueParent', 'ignore', 'remove'] as const;
/**
 * - `wait`: the parent waits until the child is retried and completes, or is removed
 * - `failParent`: the parent fails, too
 * - `continueParent`: the parent waits for no child any more
 * - `ignore`: the parent waits for the other children, and keeps the reason
 * - `remove`: likewise, and keeps nothing
 */
export const OnFailure = Object.freeze({ wait: 0, failParent: 1, continueParent: 2, ignore: 3, remove: 4 });

/** What a parent knows of a child; a code is a position. */
export const CHILD_STATUSES = ['unprocessed', 'processed', 'failed', 'ignored'] as const;
export type ChildStatusName = (typeof CHILD_STATUSES)[number];
/**
 * - `unprocessed`: the parent waits for it
 * - `processed`: it completed, and its result is kept
 * - `failed`: it failed, and its parent with it
 * - `ignored`: it failed, and the parent went on
 */
export const ChildStatus = Object.freeze({ unprocessed: 0, processed: 1, failed: 2, ignored: 3 });

/** In place of the position of a parent: the job has none. */
export const NO_PARENT = 2 ** 32 - 1;

/** A job of one or more trees that are added together. */
interface FlowJob {
  /** The position of its parent in the list, or {@link NO_PARENT}. */
  readonly parent: number;
  readonly queueName: string;
  /** The id that its client chose; empty if it chose none. */
  readonly customId: string;
  readonly policy: Policy;
  /** With children: the delay begins once the last of them ended. */
  readonly delayMs: number;
  readonly priority: number;
  /** A value of OnFailure. */
  readonly onFailure: number;
}

export interface WrittenFlowJob extends FlowJob {
  readonly payload: Uint8Array;
}

export interface ReadFlowJob extends FlowJob {
  /** Offset of the payload in the bytes that are read. */
  readonly blobAt: number;
  readonly blobLength: number;
  readonly hasChildren: boolean;
}

const delayField = durationMs('delay');
const priorityField = u32Between(0, PRIORITY_MAX, (priority) => `A job has the priority ${priority}`);

/**
 * ```
 * [u32 jobs], and for each, first those without a parent, parents before their children, and the children of one parent in a row:
 * [u32 parent][u8 onFailure][text queue][u8 hasId], perhaps [text customId], [u8 code] of a layout of a policy, and its fields [f64 delayMs][u32 priority][blob payload]
 * ```
 */
export function writeFlow(to: ByteWriter, jobs: readonly WrittenFlowJob[]): void {
  to.u32(jobs.length);
  for (const job of jobs) {
    to.u32(job.parent);
    to.u8(job.onFailure);
    to.text(job.queueName);
    to.u8(job.customId === '' ? 0 : 1);
    if (job.customId !== '') to.text(job.customId);
    const layout = layoutOfPolicy(job.policy);
    to.u8(layout.code);
    writePolicy(to, job.policy, layout);
    to.f64(job.delayMs);
    to.u32(job.priority);
    to.blob(job.payload);
  }
}

/** @returns the jobs; the children of each are in a row. @throws {InvalidOperationError | MalformedBytesError} */
export function readFlow(bytes: Uint8Array): ReadFlowJob[] {
  const from = new ByteReader(bytes);
  const count = from.u32();
  if (count < 1 || count > FLOW_JOBS_MAX)
    throw new InvalidOperationError(
      `A flow has ${count} jobs. Add 1 to ${FLOW_JOBS_MAX} together: split the work into several flows, or let one child do more of it.`,
    );
  const jobs: (ReadFlowJob & { hasChildren: boolean })[] = [];
  const depths: number[] = [];
  const ids = new Set<string>();
  for (let read = 0; read < count; read += 1) {
    const job = readFlowJob(from);
    const depth = job.parent === NO_PARENT ? 1 : (depths[job.parent] ?? 0) + 1;
    checkParent(job.parent, jobs);
    if (depth > FLOW_DEPTH_MAX)
      throw new InvalidOperationError(`A flow is deeper than ${FLOW_DEPTH_MAX} levels. Use at most ${FLOW_DEPTH_MAX} levels of children.`);
    if (job.customId !== '') {
      const key = `${job.queueName}\n${job.customId}`;
      if (ids.has(key))
        throw new InvalidOperationError(`A flow has two jobs of the id "${job.customId}" in queue "${job.queueName}". Use each id once.`);
      ids.add(key);
    }
    const parent = jobs[job.parent];
    if (parent !== undefined) parent.hasChildren = true;
    depths.push(depth);
    jobs.push(job);
  }
  if (from.remaining > 0) throw new MalformedBytesError(`${from.remaining} bytes follow the last job of a flow`);
  return jobs;
}

/** Parents come before their children, and the children of one parent are in a row: so their ids are. */
function checkParent(parent: number, jobs: readonly ReadFlowJob[]): void {
  const before = jobs.at(-1)?.parent ?? NO_PARENT;
  if (parent !== NO_PARENT && parent >= jobs.length)
    throw new MalformedBytesError(`a job of a flow names the parent ${parent}, which is not before it`);
  if (before !== NO_PARENT && (parent === NO_PARENT || parent < before))
    throw new MalformedBytesError(`the children of job ${parent} of a flow are not in a row`);
}

function readFlowJob(from: ByteReader): ReadFlowJob & { hasChildren: boolean } {
  const parent = from.u32();
  const onFailure = from.u8();
  if (onFailure >= CHILD_FAILURE_RULES.length)
    throw new InvalidOperationError(`The failure rule of a child is ${onFailure}. Use one of ${CHILD_FAILURE_RULES.join(', ')}.`);
  const queueName = readQueueName(from);
  const customId = from.u8() === 1 ? customIdField.read(from) : '';
  const layout = POLICY_LAYOUT_OF_CODE[from.u8()];
  // A layout of a later version needs a version of this command that has it: all replicas must read the same.
  if (layout === undefined || layout.versions[0] > FLOWS_VERSION)
    throw new MalformedBytesError('a job of a flow has a policy of an unknown layout');
  const policy = readPolicy(from, layout);
  const delayMs = delayField.read(from);
  const priority = priorityField.read(from);
  const blobLength = from.u32();
  const blobAt = from.skip(blobLength);
  return { parent, onFailure, queueName, customId, policy, delayMs, priority, blobAt, blobLength, hasChildren: false };
}

function readQueueName(from: ByteReader): string {
  const before = from.position;
  const name = from.text();
  const bytes = from.position - before - 4;
  if (bytes >= 1 && bytes <= QUEUE_NAME_BYTES_MAX) return name;
  throw new InvalidOperationError(`A queue name has ${bytes} bytes. Use 1 to ${QUEUE_NAME_BYTES_MAX} bytes of UTF-8.`);
}

/** One or more trees of jobs. The node limits all of it by `payloadBytesMax`. */
export const flowPayload: Field<Uint8Array> = {
  ...payload,
  range: `1 to ${FLOW_JOBS_MAX} jobs of one or more trees, at most ${FLOW_DEPTH_MAX} levels deep, together at most payloadBytesMax bytes`,
  read: (from) => {
    const bytes = from.blob();
    readFlow(bytes);
    return bytes;
  },
};

/** A child as its parent knows it. */
export interface ChildEntry {
  readonly id: number;
  readonly queue: string;
  /** Empty if its client chose none. */
  readonly customId: string;
  /** A value of ChildStatus. */
  readonly status: number;
  /** Its result, or the reason of its failure; undefined if there is none, or it was not asked for. */
  readonly value: Uint8Array | undefined;
}

/** A list of children in a result. */
export const childEntries: Field<readonly ChildEntry[]> = {
  layout: 'blob',
  bytes: 4,
  isVariable: true,
  kind: 'bytes',
  range: '[f64 id][u8 status][text queue][text customId][u8 present][blob value] of each',
  write: (to, entries) => {
    const lengthAt = to.reserve(4);
    for (const { id, status, queue, customId, value } of entries) {
      to.f64(id);
      to.u8(status);
      to.text(queue);
      to.text(customId);
      to.u8(value === undefined ? 0 : 1);
      if (value !== undefined) to.blob(value);
    }
    to.patchU32(lengthAt, to.length - lengthAt - 4);
  },
  read: (from) => {
    const reader = new ByteReader(from.blob());
    const entries: ChildEntry[] = [];
    while (reader.remaining > 0) {
      const [id, status, queue, customId] = [reader.f64(), reader.u8(), reader.text(), reader.text()];
      entries.push({ id, status, queue, customId, value: reader.u8() === 1 ? reader.blob() : undefined });
    }
    return entries;
  },
};
