import type { Mutant } from './mutant.ts';

/** In flows: jobs that wait for their children. */
export const FLOW_MUTANTS: readonly Mutant[] = [
  {
    mistake: 15,
    name: 'a parent is served when its first child has ended',
    file: 'queue/job-flows.ts',
    find: "if (job?.state === StateCode['waiting-children'] && !parent.mustWait)",
    replace: "if (job?.state === StateCode['waiting-children'])",
  },
  {
    mistake: 13,
    name: 'a parent waits on when its last child has failed and is ignored',
    file: 'queue/job-flows.ts',
    find: '    if (!fails) {\n      this.#releaseIfFree(link);\n',
    replace: '    if (!fails) {\n',
  },
  {
    mistake: 13,
    name: 'a child that is removed keeps its parent waiting',
    file: 'queue/job-flows.ts',
    find: 'if (link?.status === ChildStatus.unprocessed) {',
    replace: 'if (link?.status === ChildStatus.failed) {',
  },
  {
    mistake: 12,
    name: 'what parents know of their children is not in the checkpoint',
    file: 'queue/checkpoint.ts',
    find: '    yield* this.#children();\n',
    replace: '',
  },
  {
    mistake: 12,
    name: 'the result of a child is lost when a checkpoint holds it',
    file: 'queue/checkpoint.ts',
    find: 'for (const link of this.#writtenChildren) link.value = undefined;',
    replace: 'for (const link of this.#writtenChildren) { link.value = undefined; link.valueLength = 0; }',
  },
  {
    mistake: 15,
    name: 'the result of a child is cut off',
    file: 'queue/job-flows.ts',
    find: 'chunk.slice(resultAt, resultAt + length)',
    replace: 'chunk.slice(resultAt, resultAt + length - 1)',
  },
];
