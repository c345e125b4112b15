import { CHILD_STATUSES, type ChildStatusName, NO_PARENT, OnFailure, type WrittenFlowJob } from '../../src/protocol/flow.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import { type AddOptions, policyOf } from '../../src/protocol/request-encoder.ts';
import { bytesOf, options, type TestQueue, textOf } from './harness.ts';

/** A job of a flow; its payload is its name. */
export interface Tree {
  readonly name: string;
  readonly queue?: string;
  readonly onFailure?: keyof typeof OnFailure;
  readonly options?: Partial<AddOptions>;
  readonly children?: readonly Tree[];
}

/** The jobs of trees in the order of a request. */
export function written(trees: readonly Tree[]): WrittenFlowJob[] {
  const jobs: WrittenFlowJob[] = [];
  const level = trees.map((tree) => ({ tree, parent: NO_PARENT }));
  // The list grows while it is read.
  for (const { tree, parent } of level) {
    const { customId = '', ...all } = options({ attemptsMax: 1, ...tree.options });
    const { delayMs, priority } = all;
    const { [tree.onFailure ?? 'wait']: onFailure } = OnFailure;
    const at = jobs.length;
    jobs.push({
      ...{ parent, onFailure, queueName: tree.queue ?? 'q', customId, policy: policyOf(all), delayMs, priority },
      payload: bytesOf(tree.name),
    });
    for (const child of tree.children ?? []) level.push({ tree: child, parent: at });
  }
  return jobs;
}

/** Adds one tree. @returns the ids of its jobs by their names. */
export function addTree(queue: TestQueue, tree: Tree): Readonly<Record<string, number>> {
  const jobs = written([tree]);
  const result = queue.do((to) => to.addFlow(jobs));
  if (!result.ok || result.type !== 'flowAdded') throw new Error(`not added: ${JSON.stringify(result)}`);
  return Object.fromEntries(jobs.map(({ payload }, at) => [textOf(payload) ?? '', result.firstId + at]));
}

type ChildrenPage = Extract<OperationResult, { readonly type: 'children' }>;

export function childrenOf(
  queue: TestQueue,
  jobId: number,
  status: ChildStatusName = 'processed',
  page: { readonly after?: number; readonly countMax?: number; readonly queue?: string; readonly hasValues?: boolean } = {},
): ChildrenPage {
  const { after = 0, countMax = 100, queue: name = 'q', hasValues = true } = page;
  const asked = { queue: name, jobId, status: CHILD_STATUSES.indexOf(status), hasValues, after, countMax };
  const [result] = queue.read((to) => to.command('children', asked));
  if (result?.ok !== true || result.type !== 'children') throw new Error(`no children: ${JSON.stringify(result)}`);
  return result;
}

/** What a parent keeps of its children of a status, by their ids. */
export const valuesOf = (queue: TestQueue, jobId: number, status?: ChildStatusName): Readonly<Record<number, string | undefined>> =>
  Object.fromEntries(childrenOf(queue, jobId, status).children.map(({ id, value }) => [id, textOf(value)]));

/** Completes or fails the next job of a queue. @returns its payload. */
export function finishNext(queue: TestQueue, outcome: 'complete' | 'fail' = 'complete', name = 'q'): string | undefined {
  const [job] = queue.claim(1, 60_000, name);
  if (job === undefined) return undefined;
  const { id, token, payload } = job;
  queue.do((to) => {
    if (outcome === 'complete') to.complete(id, token, bytesOf(`result of ${textOf(payload)}`));
    else to.command('fail', { jobId: id, token, reason: `${textOf(payload)} is broken`, retry: false });
  });
  return textOf(payload);
}
