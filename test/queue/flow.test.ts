import { describe, expect, it } from 'vitest';
import { FLOW_DEPTH_MAX, FLOW_JOBS_MAX } from '../../src/protocol/limits.ts';
import { ANY_VERSION } from '../../src/protocol/request-reader.ts';
import { validateRequest } from '../../src/protocol/validate-request.ts';
import { addTree, childrenOf, finishNext, type Tree, valuesOf, written } from './flows.ts';
import { TestQueue } from './harness.ts';

const FAMILY: Tree = { name: 'parent', children: [{ name: 'a' }, { name: 'b' }] };
const stateOf = (queue: TestQueue, id: number | undefined): string | undefined => queue.job(id ?? 0)?.state;

describe('a flow', () => {
  it('is added to many queues at once, and its parent is served when the last child has completed', () => {
    const queue = new TestQueue();
    const ids = addTree(queue, { name: 'parent', queue: 'p', children: [{ name: 'a' }, { name: 'b', queue: 'other' }] });
    expect(stateOf(queue, ids.parent)).toBe('waiting-children');
    expect(queue.claim(9, 1000, 'p')).toEqual([]);
    expect(finishNext(queue)).toBe('a');
    expect(stateOf(queue, ids.parent)).toBe('waiting-children');
    expect(queue.filled).toEqual(['q', 'other']);
    expect(finishNext(queue, 'complete', 'other')).toBe('b');
    expect(queue.filled).toEqual(['q', 'other', 'p']);
    expect(finishNext(queue, 'complete', 'p')).toBe('parent');
    expect(stateOf(queue, ids.parent)).toBe('completed');
  });

  it('waits level by level', () => {
    const queue = new TestQueue();
    addTree(queue, { name: 'root', children: [{ name: 'middle', children: [{ name: 'leaf' }] }] });
    expect([finishNext(queue), finishNext(queue), finishNext(queue), finishNext(queue)]).toEqual(['leaf', 'middle', 'root', undefined]);
  });

  it('begins the delay of a parent when its last child has ended', () => {
    const queue = new TestQueue();
    const ids = addTree(queue, { name: 'parent', options: { delayMs: 100 }, children: [{ name: 'a' }] });
    queue.pass(1_000);
    expect(stateOf(queue, ids.parent)).toBe('waiting-children');
    finishNext(queue);
    expect(queue.job(ids.parent ?? 0)).toMatchObject({ state: 'delayed', dueMs: queue.nowMs + 100 });
    queue.pass(100);
    expect(finishNext(queue)).toBe('parent');
  });

  it('keeps the results with the parent, also of children that are gone', () => {
    const queue = new TestQueue();
    const gone = { keepCompleted: 0 };
    const ids = addTree(queue, { name: 'parent', children: [{ name: 'a', options: gone }, { name: 'b' }] });
    finishNext(queue);
    finishNext(queue);
    const expected = { [ids.a ?? 0]: 'result of a', [ids.b ?? 0]: 'result of b' };
    expect(stateOf(queue, ids.a)).toBeUndefined();
    expect(valuesOf(queue, ids.parent ?? 0)).toEqual(expected);
    queue.restart();
    expect(valuesOf(queue, ids.parent ?? 0)).toEqual(expected);
    finishNext(queue);
    expect(valuesOf(queue, ids.parent ?? 0)).toEqual(expected);
    queue.do((to) => to.command('removeAlone', { queue: 'q', jobId: ids.parent ?? 0 }));
    queue.checkpoint();
    expect([...queue.tables.keys(7), ...queue.tables.keys(8)]).toEqual([]);
  });

  it('shows its children in pages that are bounded in bytes', () => {
    const queue = new TestQueue();
    const children = Array.from({ length: 10 }, (_, at) => ({ name: `child ${at}`.padEnd(60_000, '.') }));
    const ids = addTree(queue, { name: 'parent', children });
    const parent = ids.parent ?? 0;
    for (const _ of children) finishNext(queue);
    const first = childrenOf(queue, parent);
    expect(first).toMatchObject({ processed: 10, unprocessed: 0, isOver: false });
    expect(first.children.length).toBe(4);
    const second = childrenOf(queue, parent, 'processed', { after: first.last });
    expect(second.children[0]?.id).toBe(first.last + 1);
    expect(childrenOf(queue, parent, 'processed', { hasValues: false }).children.length).toBe(10);
    expect(childrenOf(queue, parent, 'processed', { hasValues: false, countMax: 3 })).toMatchObject({ isOver: false, last: parent + 3 });
  });

  it('adds nothing again under the custom id of a root', () => {
    const queue = new TestQueue();
    const tree: Tree = { name: 'parent', options: { customId: 'once' }, children: [{ name: 'a' }] };
    addTree(queue, tree);
    const jobs = written([tree, { name: 'another', children: [{ name: 'child' }] }]);
    expect(queue.do((to) => to.addFlow(jobs))).toMatchObject({ type: 'flowAdded', firstId: 3, ids: [1, 3] });
    expect(queue.machine.totals.added).toBe(4);
    expect([finishNext(queue), finishNext(queue), finishNext(queue), finishNext(queue)]).toEqual(['a', 'parent', 'child', 'another']);
  });

  it('adds nothing if a child has the custom id of another job', () => {
    const queue = new TestQueue();
    const taken = queue.add('x', { customId: 'taken' }, 'other');
    const jobs = written([{ name: 'parent', children: [{ name: 'a' }, { name: 'b', queue: 'other', options: { customId: 'taken' } }] }]);
    expect(queue.do((to) => to.addFlow(jobs))).toMatchObject({ ok: false, code: 'FLOW_ID_TAKEN', job: taken, state: 'waiting' });
    expect(queue.machine.totals.added).toBe(1);
    expect(queue.machine.queueNames()).toEqual(['other']);
  });

  it('is counted and listed as waiting for children', () => {
    const queue = new TestQueue();
    const { parent = 0 } = addTree(queue, FAMILY);
    const [counts] = queue.read((to) => to.command('stateCounts', { queue: 'q' }));
    expect(counts).toMatchObject({ waitingChildren: 1, waiting: 2 });
    queue.restart();
    const listing = { queue: 'q', state: 0, isDescending: false, afterRank: -1, afterTie: 0, start: 0, countMax: 10 };
    expect(queue.read((to) => to.command('jobIds', listing))[0]).toMatchObject({ ids: [parent], isOver: true });
  });
});

describe('a child that fails for good', () => {
  const withRule = (onFailure: NonNullable<Tree['onFailure']>, keepFailed = -1): Tree => ({
    name: 'parent',
    children: [{ name: 'a', onFailure, options: { keepFailed } }, { name: 'b' }],
  });

  it('makes its parent wait until it is retried and completes', () => {
    const queue = new TestQueue();
    const { parent = 0, a = 0 } = addTree(queue, FAMILY);
    finishNext(queue, 'fail');
    finishNext(queue);
    expect(stateOf(queue, parent)).toBe('waiting-children');
    queue.do((to) => to.command('retry', { queue: 'q', jobId: a }));
    expect(finishNext(queue)).toBe('a');
    expect(finishNext(queue)).toBe('parent');
  });

  it('makes its parent wait until it is removed', () => {
    const queue = new TestQueue();
    const { parent = 0, a = 0 } = addTree(queue, FAMILY);
    finishNext(queue, 'fail');
    finishNext(queue);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: a }));
    expect(stateOf(queue, parent)).toBe('waiting');
    expect(childrenOf(queue, parent)).toMatchObject({ unprocessed: 0, processed: 1, failed: 0, ignored: 0 });
  });

  it('frees its parent if its queue keeps no failed jobs', () => {
    const queue = new TestQueue();
    const { parent = 0 } = addTree(queue, withRule('wait', 0));
    finishNext(queue, 'fail');
    finishNext(queue);
    expect(stateOf(queue, parent)).toBe('waiting');
  });

  it('fails its parent with failParentOnFailure, and the parents above', () => {
    const queue = new TestQueue();
    const ids = addTree(queue, {
      name: 'root',
      children: [{ name: 'middle', onFailure: 'failParent', children: [{ name: 'leaf', onFailure: 'failParent' }, { name: 'other' }] }],
    });
    finishNext(queue, 'fail');
    expect(queue.job(ids.middle ?? 0)).toMatchObject({ state: 'failed', failedReason: `child q:${ids.leaf} failed` });
    expect(queue.job(ids.root ?? 0)).toMatchObject({ state: 'failed', failedReason: `child q:${ids.middle} failed` });
    expect(queue.machine.totals.failed).toBe(3);
    expect(valuesOf(queue, ids.middle ?? 0, 'failed')).toEqual({ [ids.leaf ?? 0]: 'leaf is broken' });
    expect(finishNext(queue)).toBe('other');
  });

  it('fails the whole chain of the deepest flow', () => {
    const queue = new TestQueue();
    let tree: Tree = { name: 'leaf', onFailure: 'failParent', options: { keepFailed: 0 } };
    for (let level = 2; level <= FLOW_DEPTH_MAX; level += 1)
      tree = { name: `${level}`, onFailure: 'failParent', options: { keepFailed: 0 }, children: [tree] };
    addTree(queue, tree);
    finishNext(queue, 'fail');
    expect(queue.machine.totals.failed).toBe(FLOW_DEPTH_MAX);
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('fails its parent also when its lease ends too often', () => {
    const queue = new TestQueue();
    const { parent = 0 } = addTree(queue, withRule('failParent'));
    queue.claim(1, 1_000, 'q', { stalledMax: 0 });
    queue.pass(1_001);
    expect(stateOf(queue, parent)).toBe('failed');
  });

  it('lets a failed parent wait again, when it is retried, for children that have not ended', () => {
    const queue = new TestQueue();
    const { parent = 0, a = 0 } = addTree(queue, withRule('failParent'));
    finishNext(queue, 'fail');
    queue.do((to) => to.command('retry', { queue: 'q', jobId: parent }));
    expect(stateOf(queue, parent)).toBe('waiting-children');
    queue.do((to) => to.command('retry', { queue: 'q', jobId: a }));
    expect(childrenOf(queue, parent)).toMatchObject({ unprocessed: 2, failed: 0 });
    expect([finishNext(queue), finishNext(queue), finishNext(queue)]).toEqual(['a', 'b', 'parent']);
  });

  it('lets its parent go on at once with continueParentOnFailure', () => {
    const queue = new TestQueue();
    const { parent = 0, a = 0, b = 0 } = addTree(queue, withRule('continueParent'));
    finishNext(queue, 'fail');
    expect(stateOf(queue, parent)).toBe('waiting');
    expect(childrenOf(queue, parent)).toMatchObject({ unprocessed: 1, ignored: 1 });
    expect(valuesOf(queue, parent, 'ignored')).toEqual({ [a]: 'a is broken' });
    queue.do((to) => to.command('removeUnprocessed', { queue: 'q', jobId: parent }));
    expect(stateOf(queue, b)).toBeUndefined();
    expect(finishNext(queue)).toBe('parent');
  });

  it('is ignored with ignoreDependencyOnFailure, and its parent keeps the reason', () => {
    const queue = new TestQueue();
    const { parent = 0, a = 0 } = addTree(queue, withRule('ignore', 0));
    finishNext(queue, 'fail');
    expect(stateOf(queue, parent)).toBe('waiting-children');
    finishNext(queue);
    expect(stateOf(queue, parent)).toBe('waiting');
    expect(valuesOf(queue, parent, 'ignored')).toEqual({ [a]: 'a is broken' });
  });

  it('is forgotten with removeDependencyOnFailure', () => {
    const queue = new TestQueue();
    const { parent = 0, b = 0 } = addTree(queue, withRule('remove'));
    finishNext(queue, 'fail');
    expect(childrenOf(queue, parent)).toMatchObject({ unprocessed: 1, processed: 0, failed: 0, ignored: 0 });
    expect(stateOf(queue, parent)).toBe('waiting-children');
    finishNext(queue);
    expect(valuesOf(queue, parent)).toEqual({ [b]: 'result of b' });
    expect(stateOf(queue, parent)).toBe('waiting');
  });
});

describe('what removes jobs of a flow', () => {
  const TREE: Tree = { name: 'root', children: [{ name: 'middle', children: [{ name: 'leaf' }] }, { name: 'other' }] };

  it('removes a parent with all below it', () => {
    const queue = new TestQueue();
    const { root = 0 } = addTree(queue, TREE);
    finishNext(queue);
    queue.do((to) => to.command('remove', { queue: 'q', jobId: root }));
    expect(queue.machine.queueNames()).toEqual([]);
  });

  it('removes nothing while one of them is active', () => {
    const queue = new TestQueue();
    const { root = 0, leaf = 0 } = addTree(queue, TREE);
    queue.claim(9);
    expect(queue.do((to) => to.command('remove', { queue: 'q', jobId: root }))).toMatchObject({ code: 'CHILD_ACTIVE', job: root });
    expect(stateOf(queue, leaf)).toBe('active');
  });

  it('removes a parent alone, and its children go on', () => {
    const queue = new TestQueue();
    const { root = 0, middle = 0 } = addTree(queue, TREE);
    expect(queue.do((to) => to.command('removeAlone', { queue: 'q', jobId: root }))).toMatchObject({ ok: true });
    expect(stateOf(queue, middle)).toBe('waiting-children');
    expect([finishNext(queue), finishNext(queue), finishNext(queue)].sort()).toEqual(['leaf', 'middle', 'other']);
  });

  it('removes the children that have not ended and are not active', () => {
    const queue = new TestQueue();
    const { root = 0, middle = 0, leaf = 0, other = 0 } = addTree(queue, TREE);
    const [claimed] = queue.claim(1, 60_000);
    expect(claimed?.id).toBe(other);
    expect(queue.do((to) => to.command('removeUnprocessed', { queue: 'q', jobId: root }))).toMatchObject({ ok: true });
    expect([stateOf(queue, middle), stateOf(queue, leaf), stateOf(queue, other)]).toEqual([undefined, undefined, 'active']);
    queue.do((to) => to.complete(other, claimed?.token ?? 0, new Uint8Array(0)));
    expect(stateOf(queue, root)).toBe('waiting');
  });

  it('separates a child from its parent', () => {
    const queue = new TestQueue();
    const { parent = 0, a = 0, b = 0 } = addTree(queue, FAMILY);
    const parentOf = (jobId: number): unknown => queue.read((to) => to.command('parentOf', { queue: 'q', jobId }))[0];
    expect(parentOf(a)).toMatchObject({ parentId: parent, parentQueue: 'q' });
    const separate = (jobId: number): unknown => queue.do((to) => to.command('removeDependency', { queue: 'q', jobId }));
    expect(separate(a)).toMatchObject({ wasChild: true });
    expect(separate(a)).toMatchObject({ wasChild: false });
    expect(parentOf(a)).toMatchObject({ parentId: 0 });
    expect(stateOf(queue, parent)).toBe('waiting-children');
    separate(b);
    expect(stateOf(queue, parent)).toBe('waiting');
  });
});

describe('the bounds of a flow', () => {
  const faultOf = (trees: readonly Tree[], payloadBytesMax = 2_000_000): string | undefined => {
    const queue = new TestQueue();
    const jobs = written(trees);
    return validateRequest(
      queue.request((to) => to.addFlow(jobs)),
      { payloadBytesMax },
      ANY_VERSION,
    )?.message;
  };

  it('are checked before the log', () => {
    expect(faultOf([FAMILY])).toBeUndefined();
    const children = Array.from({ length: FLOW_JOBS_MAX }, () => ({ name: '' }));
    expect(faultOf([{ name: 'p', children }])).toMatch(`A flow has ${FLOW_JOBS_MAX + 1} jobs`);
    let deep: Tree = { name: '' };
    for (let level = 1; level <= FLOW_DEPTH_MAX; level += 1) deep = { name: '', children: [deep] };
    expect(faultOf([deep])).toMatch(`deeper than ${FLOW_DEPTH_MAX} levels`);
    const twice = { name: '', options: { customId: 'x' } };
    expect(faultOf([{ name: 'p', children: [twice, twice] }])).toMatch('two jobs of the id "x"');
    const large = [{ name: 'p', children: [{ name: 'x'.repeat(600) }, { name: 'x'.repeat(600) }] }];
    expect(faultOf(large, 1_000)).toMatch(/A payload has 1\d\d\d bytes, 1000 are allowed/);
    expect(faultOf(large, 1_500)).toBeUndefined();
  });
});
