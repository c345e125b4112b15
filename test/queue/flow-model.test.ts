import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHILD_STATUSES, OnFailure } from '../../src/protocol/flow.ts';
import { FlowModel } from './flow-model.ts';
import { addTree, childrenOf, type Tree } from './flows.ts';
import { bytesOf, TestQueue, textOf } from './harness.ts';

const RULES = Object.keys(OnFailure) as (keyof typeof OnFailure)[];
const anOptions = fc.record({ keepCompleted: fc.constantFrom(-1, 0), keepFailed: fc.constantFrom(-1, -1, 0) });
const { tree: aTree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    name: fc.constant('job'),
    onFailure: fc.constantFrom(...RULES),
    options: anOptions,
    children: fc.oneof({ maxDepth: 3, depthSize: 'small' }, fc.constant([]), fc.array(tie('tree'), { minLength: 1, maxLength: 3 })),
  }),
}));
const JOB_COMMANDS = ['retry', 'remove', 'removeAlone', 'removeUnprocessed', 'removeDependency'] as const;
type Step =
  | { readonly type: 'add'; readonly tree: Tree }
  | { readonly type: 'claim' | 'complete' | 'fail' | 'restart' }
  | { readonly type: (typeof JOB_COMMANDS)[number]; readonly job: number };
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant('add' as const), tree: aTree }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constantFrom('claim' as const, 'claim' as const, 'complete' as const, 'fail' as const, 'restart' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom(...JOB_COMMANDS), job: fc.nat(40) }) },
);

/** Executes each step in the state machine and in the model, and compares them. */
class Comparison {
  readonly #queue = new TestQueue();
  readonly #model = new FlowModel();
  readonly #held: { readonly id: number; readonly token: number }[] = [];

  run(step: Step): void {
    this.#execute(step);
    for (let id = 1; id < this.#model.nextId; id += 1) {
      const job = this.#model.jobs.get(id);
      expect(this.#queue.job(id)?.state, `the state of job ${id} after ${JSON.stringify(step)}`).toBe(job?.state);
      if (job === undefined) continue;
      for (const status of CHILD_STATUSES) {
        const shown = childrenOf(this.#queue, id, status).children.map((child) => [child.id, textOf(child.value)]);
        const expected = job.links.filter((link) => link.status === status).map(({ child, value }) => [child, value]);
        expect(shown, `the ${status} children of job ${id} after ${JSON.stringify(step)}`).toEqual(expected);
      }
    }
  }

  #execute(step: Step): void {
    const queue = this.#queue;
    const model = this.#model;
    if (step.type === 'add') {
      addTree(queue, step.tree);
      model.add(step.tree);
    } else if (step.type === 'claim') {
      const [job] = queue.claim(1, 1e9);
      expect(job?.id).toBe(model.claim()?.id);
      if (job !== undefined) this.#held.push(job);
    } else if (step.type === 'restart') queue.restart();
    else if ('job' in step) this.#change(step.type, step.job);
    else this.#end(step.type);
  }

  #end(type: 'complete' | 'fail'): void {
    const held = this.#held.shift();
    const job = held === undefined ? undefined : this.#model.jobs.get(held.id);
    if (held === undefined || job === undefined) return;
    const { id, token } = held;
    if (type === 'complete') {
      this.#queue.do((to) => to.complete(id, token, bytesOf(`result ${id}`)));
      this.#model.complete(job, `result ${id}`);
    } else {
      this.#queue.do((to) => to.command('fail', { jobId: id, token, reason: `reason ${id}`, retry: false }));
      this.#model.fail(job, `reason ${id}`);
    }
  }

  #change(type: (typeof JOB_COMMANDS)[number], at: number): void {
    const model = this.#model;
    const ids = [...model.jobs.keys()];
    const job = model.jobs.get(ids[at % Math.max(1, ids.length)] ?? 0);
    if (job === undefined) return;
    const result = this.#queue.do((to) => to.command(type, { queue: 'q', jobId: job.id }));
    if (type === 'retry') expect(result.ok).toBe(model.retry(job));
    else if (type === 'remove' || type === 'removeAlone') expect(result.ok).toBe(model.remove(job, type === 'remove'));
    else if (type === 'removeUnprocessed') model.removeUnprocessed(job);
    else expect(result).toMatchObject({ wasChild: model.separate(job) });
  }
}

describe('flows, compared with a model that searches lists', () => {
  it('are in the same states with the same results after every step, also after a restart', () => {
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 60, size: 'max' }), (steps) => {
        const comparison = new Comparison();
        for (const step of steps) comparison.run(step);
      }),
      { numRuns: 150 },
    );
  });
});
