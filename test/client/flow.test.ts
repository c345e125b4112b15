import { describe, expect, it, vi } from 'vitest';
import { type FlowChildOptions, type FlowJob, FlowProducer } from '../../src/client/api/flow-producer.ts';
import { QueueCommands } from '../../src/client/api/job-commands.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { ClientClosedError, InvalidOptionError, UnknownOptionError } from '../../src/client/errors.ts';
import { ChildActiveError, FlowIdTakenError, FlowTooLargeError } from '../../src/client/flow-errors.ts';
import { FLOW_DEPTH_MAX, FLOW_JOBS_MAX } from '../../src/protocol/limits.ts';
import { eventually } from './eventually.ts';
import { aSetting, closeAfterEach } from './worker-setting.ts';

closeAfterEach();

/** A setting with a producer of flows, whose jobs are of the setting's queue. */
function aFlowSetting() {
  const setting = aSetting();
  const { client, queue } = setting;
  const flows = new FlowProducer({ connection: client });
  const { name: queueName } = queue;
  const child = (name: string, data: unknown, opts: FlowChildOptions = {}) => ({ name, queueName, data, opts });
  return { ...setting, flows, queueName, child };
}

describe('a flow producer', () => {
  it('adds a tree, and its parent gets the results of its children', async () => {
    const { queue, flows, queueName, child, aWorker } = aFlowSetting();
    const gone = { removeOnComplete: true };
    const tree = { name: 'sum', queueName, data: 0, children: [child('part', 1, gone), child('part', 2, gone)] };
    const { job, children = [] } = await flows.add(tree);
    expect(children.map((node) => node.job.data)).toEqual([1, 2]);
    expect(await job.isWaitingChildren()).toBe(true);
    expect(await job.getDependenciesCount()).toEqual({ processed: 0, unprocessed: 2, ignored: 0, failed: 0 });
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 2, 'waiting-children': 1 });
    expect((await queue.getWaitingChildren()).map(({ id }) => id)).toEqual([job.id]);
    const results: unknown[] = [];
    aWorker(async (claimed) => {
      if (claimed.name === 'part') return Number(claimed.data) * 10;
      results.push(await claimed.getChildrenValues());
      return Object.values(await claimed.getChildrenValues<number>()).reduce((sum, value) => sum + value, 0);
    });
    await eventually(async () => expect(await job.getState()).toBe('completed'));
    const [first, second] = children.map((node) => node.job.id);
    expect(results).toEqual([{ [`${queueName}:${first}`]: 10, [`${queueName}:${second}`]: 20 }]);
    expect((await queue.getJob(job.id))?.returnvalue).toBe(30);
    expect(await job.getDependencies()).toEqual({ processed: results[0], unprocessed: [], ignored: {}, failed: [] });
  });

  it('adds many trees or none', async () => {
    const { queue, flows, queueName, child } = aFlowSetting();
    await queue.add('n', 0, { jobId: 'taken' });
    const trees = (jobId: string): FlowJob[] => [
      { queueName, children: [child('a', 1)] },
      { queueName, children: [child('b', 2, { jobId })] },
    ];
    await expect(flows.addBulk(trees('taken'))).rejects.toBeInstanceOf(FlowIdTakenError);
    expect(await queue.getJobCountByTypes()).toBe(1);
    const added = await flows.addBulk(trees('free'));
    expect(added.map(({ job, children }) => [job.name, children?.[0]?.job.id])).toEqual([
      [queueName, '4'],
      [queueName, 'free'],
    ]);
    expect(await flows.addBulk([])).toEqual([]);
  });

  it('adds nothing again under the id of a root', async () => {
    const { queue, flows, queueName, child } = aFlowSetting();
    const tree = { queueName, opts: { jobId: 'once' }, children: [child('a', 1)] };
    await flows.add(tree);
    const again = await flows.add(tree);
    expect(again.job.id).toBe('once');
    expect(again.children).toBeUndefined();
    expect(await queue.getJobCountByTypes()).toBe(2);
  });

  it('shows a tree, as deep and as wide as it is asked for', async () => {
    const { flows, queueName, child } = aFlowSetting();
    const middle = { ...child('middle', 1), children: [child('leaf', 2)] };
    const { job } = await flows.add({ name: 'root', queueName, children: [middle, child('other', 3)] });
    const namesOf = async (options: object): Promise<unknown> => {
      const shown = await flows.getFlow({ queueName, id: job.id, ...options });
      return JSON.parse(JSON.stringify(shown, (key, value) => (key === 'job' ? value.name : value)));
    };
    const leaf = { job: 'leaf' };
    expect(await namesOf({})).toEqual({ job: 'root', children: [{ job: 'middle', children: [leaf] }, { job: 'other' }] });
    expect(await namesOf({ depth: 1 })).toEqual({ job: 'root' });
    expect(await namesOf({ depth: 2, maxChildren: 1 })).toEqual({ job: 'root', children: [{ job: 'middle' }] });
    expect(await flows.getFlow({ queueName, id: '99' })).toBeUndefined();
  });

  it('leaves out of a tree what is removed while it is read', async () => {
    const { client, queue, flows, queueName, child } = aFlowSetting();
    const { job } = await flows.add({ name: 'root', queueName, children: [child('goes', 1), child('stays', 2)] });
    /** Removes a job right before its children are read. */
    const removing = (name: string): (() => void) => {
      const { children: read } = QueueCommands.prototype;
      const reading = vi.spyOn(QueueCommands.prototype, 'children').mockImplementation(async function (this: QueueCommands, id, ...page) {
        const found = await queue.getJob(String(id));
        if (found?.name === name) await found.remove();
        return await read.call(this, id, ...page);
      });
      return () => reading.mockRestore();
    };
    let restore = removing('goes');
    const shown = await flows.getFlow({ queueName, id: job.id });
    restore();
    expect(shown?.children?.map((node) => node.job.name)).toEqual(['stays']);
    restore = removing('root');
    const gone = await flows.getFlow({ queueName, id: job.id });
    restore();
    expect(gone).toBeUndefined();
    await client.close();
    await expect(flows.getFlow({ queueName, id: job.id })).rejects.toBeInstanceOf(ClientClosedError);
  });

  it('uses the options of a queue for its jobs', async () => {
    const { flows, queueName, child } = aFlowSetting();
    const queuesOptions = { [queueName]: { defaultJobOptions: { attempts: 4 } } };
    const { job, children = [] } = await flows.add({ queueName, children: [child('a', 1, { attempts: 2 })] }, { queuesOptions });
    expect([job.opts.attempts, children[0]?.job.opts.attempts]).toEqual([4, 2]);
  });

  it('rejects what cannot work, and sends nothing', async () => {
    const { queue, flows, queueName, child } = aFlowSetting();
    const add = (tree: unknown): Promise<unknown> => flows.add(tree as FlowJob);
    await expect(add({ queueName, children: [child('a', 1, { attempts: 0 })] })).rejects.toThrow(/flow.children\[0\].opts.attempts/);
    await expect(add({ queueName, childs: [] })).rejects.toBeInstanceOf(UnknownOptionError);
    await expect(add({ queueName, children: [{}] })).rejects.toBeInstanceOf(InvalidOptionError);
    await expect(add({ queueName, opts: { failParentOnFailure: true } })).rejects.toBeInstanceOf(UnknownOptionError);
    const both = { failParentOnFailure: true, removeDependencyOnFailure: true };
    await expect(add({ queueName, children: [child('a', 1, both)] })).rejects.toThrow(/Set one of failParentOnFailure/);
    const cyclic: { queueName: string; children: unknown[] } = { queueName, children: [] };
    cyclic.children.push(cyclic);
    await expect(add(cyclic)).rejects.toThrow(`more than ${FLOW_DEPTH_MAX} levels`);
    const many = Array.from({ length: FLOW_JOBS_MAX }, () => child('a', 1));
    await expect(add({ queueName, children: many })).rejects.toThrow(`${FLOW_JOBS_MAX} are allowed`);
    const large = Array.from({ length: 5 }, () => child('a', 'x'.repeat(1024 * 1024)));
    await expect(add({ queueName, children: large })).rejects.toBeInstanceOf(FlowTooLargeError);
    expect(await queue.getJobCountByTypes()).toBe(0);
  });
});

describe('a flow with an id that two of its jobs have', () => {
  it.each([
    [
      'of two children',
      (one: FlowJob, two: FlowJob) => [{ queueName: 'parents', children: [one, two] }],
      'flow.children[1]',
      'flow.children[0]',
    ],
    ['of a root and a child', (one: FlowJob, two: FlowJob) => [{ ...one, children: [two] }], 'flow.children[0]', 'flow'],
    ['of two roots', (one: FlowJob, two: FlowJob) => [one, two], 'flows[1]', 'flows[0]'],
  ])('%s is rejected, with both paths, and nothing is sent', async (_what, treesOf, path, earlier) => {
    const { queue, flows, child } = aFlowSetting();
    const twice = { jobId: 'twice' };
    const trees = treesOf(child('a', 1, twice), child('b', 2, twice));
    const [only] = trees;
    const adding = trees.length === 1 ? flows.add(only as FlowJob) : flows.addBulk(trees);
    const [rejected] = await Promise.allSettled([adding, queue.add('of the same turn', 1)]);
    const reason: unknown = rejected.status === 'rejected' ? rejected.reason : undefined;
    expect(reason).toBeInstanceOf(InvalidOptionError);
    expect((reason as Error).message).toContain(
      `Option "${path}.opts.jobId" has the value "twice". "${earlier}.opts.jobId" has the same id.`,
    );
    expect(await queue.getJobCountByTypes()).toBe(1);
  });

  it('is added if they are of different queues', async () => {
    const { flows, child } = aFlowSetting();
    const { job, children } = await flows.add({
      queueName: 'parents',
      opts: { jobId: 'same' },
      children: [child('a', 1, { jobId: 'same' })],
    });
    expect([job.id, children?.[0]?.job.id]).toEqual(['same', 'same']);
  });
});

describe('a job with children', () => {
  /** A parent whose first child fails. */
  async function aFailedChild(opts: FlowChildOptions) {
    const setting = aFlowSetting();
    const { flows, queueName, child, aWorker } = setting;
    const { job, children = [] } = await flows.add({ name: 'parent', queueName, children: [child('bad', 1, opts), child('good', 2)] });
    const worker = aWorker(({ name }) => {
      if (name === 'bad') throw new Error('broken');
      return name;
    });
    const key = `${queueName}:${children[0]?.job.id}`;
    return { ...setting, job, worker, key, bad: children[0]?.job, good: children[1]?.job };
  }

  it('fails with a child that fails it', async () => {
    const { queue, job, key } = await aFailedChild({ failParentOnFailure: true });
    await eventually(async () => expect(await job.getState()).toBe('failed'));
    expect((await queue.getJob(job.id))?.failedReason).toBe(`child ${key} failed`);
    expect(await job.getDependencies({ failed: {} })).toEqual({ failed: [key], nextFailedCursor: 0 });
  });

  it('goes on without one that is ignored, and knows why it failed', async () => {
    const { job, key } = await aFailedChild({ ignoreDependencyOnFailure: true });
    await eventually(async () => expect(await job.getState()).toBe('completed'));
    expect(await job.getIgnoredChildrenFailures()).toEqual({ [key]: 'broken' });
    expect(await job.getFailedChildrenValues()).toEqual({ [key]: 'broken' });
    expect(await job.getDependenciesCount({ ignored: true, processed: true })).toEqual({ ignored: 1, processed: 1 });
  });

  it('waits for one that failed, until it is retried or removed', async () => {
    const { queue, job, bad } = await aFailedChild({});
    await eventually(async () => expect(await queue.getFailedCount()).toBe(1));
    await eventually(async () => expect(await job.getDependenciesCount()).toMatchObject({ processed: 1, unprocessed: 1 }));
    expect(await job.isWaitingChildren()).toBe(true);
    await bad?.remove();
    await eventually(async () => expect(await job.getState()).toBe('completed'));
  });

  it('waits no longer for one that failed and that its queue does not keep', async () => {
    const { job, key } = await aFailedChild({ removeOnFail: true });
    await eventually(async () => expect(await job.getState()).toBe('completed'));
    expect(await job.getDependencies()).toMatchObject({ unprocessed: [], ignored: {}, failed: [] });
    expect(Object.keys((await job.getDependencies()).processed ?? {})).not.toContain(key);
  });

  it('is removed with all below it, or alone', async () => {
    const { queue, flows, queueName, child } = aFlowSetting();
    const tree = { queueName, children: [{ ...child('middle', 1), children: [child('leaf', 2)] }] };
    await (await flows.add(tree)).job.remove();
    expect(await queue.getJobCountByTypes()).toBe(0);
    const { job, children = [] } = await flows.add(tree);
    expect(await queue.remove(job.id, { removeChildren: false })).toBe(1);
    expect(await children[0]?.job.getState()).toBe('waiting-children');
    await children[0]?.job.removeUnprocessedChildren();
    expect(await children[0]?.job.getState()).toBe('waiting');
  });

  it('is not removed while one of those below it is active', async () => {
    const { client, flows, child, aWorker } = aFlowSetting();
    const other = new Queue('other', { connection: client });
    const { job } = await flows.add({ queueName: 'other', children: [child('active', 1)] });
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    aWorker(async () => {
      started.resolve();
      await finish.promise;
    });
    await started.promise;
    await expect(other.remove(job.id)).rejects.toBeInstanceOf(ChildActiveError);
    finish.resolve();
  });

  it('waits no longer for a child that is separated from it', async () => {
    const { flows, queueName, child } = aFlowSetting();
    const { job, children = [] } = await flows.add({ queueName, children: [child('a', 1)] });
    expect(await children[0]?.job.removeChildDependency()).toBe(true);
    expect(await children[0]?.job.removeChildDependency()).toBe(false);
    expect(await job.getState()).toBe('waiting');
  });

  it('shows its children in pages', async () => {
    const { flows, queueName, child } = aFlowSetting();
    const { job } = await flows.add({ queueName, children: [1, 2, 3].map((data) => child('a', data)) });
    const first = await job.getDependencies({ unprocessed: { count: 2 } });
    expect(first).toEqual({ unprocessed: [`${queueName}:2`, `${queueName}:3`], nextUnprocessedCursor: 3 });
    const cursor = first.nextUnprocessedCursor ?? 0;
    expect(await job.getDependencies({ unprocessed: { cursor } })).toEqual({ unprocessed: [`${queueName}:4`], nextUnprocessedCursor: 0 });
  });

  it('goes when its queue is obliterated', async () => {
    const { queue, flows, queueName, child } = aFlowSetting();
    await flows.add({ queueName, children: [child('a', 1)] });
    await queue.obliterate();
    expect(await queue.getJobCountByTypes()).toBe(0);
  });
});
