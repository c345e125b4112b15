import { describe, expect, it } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { eventually } from './eventually.ts';
import { countTimeInTurns } from './turn-time.ts';
import { aGate, aSetting, closeAfterEach, toClose } from './worker-setting.ts';

countTimeInTurns();
closeAfterEach();

const numbers = (count: number) => Array.from({ length: count }, (_, n) => ({ name: 'n', data: n }));

/** A setting and a worker that records, in order, which jobs it began and when its queue was drained. */
function aWatchedWorker(concurrency: number) {
  const setting = aSetting();
  const seen: (number | 'drained')[] = [];
  const gate = aGate();
  const begin = (): Worker<number, unknown> =>
    setting
      .aWorker(() => gate.opened, { concurrency })
      .on('active', (job) => seen.push(job.data))
      .on('drained', () => seen.push('drained'));
  return { ...setting, seen, gate, begin };
}

describe('a worker emits "drained"', () => {
  it('when a claim has brought all jobs that waited', async () => {
    const { queue, seen, begin } = aWatchedWorker(10);
    await queue.addBulk(numbers(3));
    begin();
    await eventually(() => expect(seen).toContain('drained'));
    expect(seen).toEqual([0, 1, 2, 'drained']);
  });

  it('when a claim that follows the last job brings none', async () => {
    const { cluster, queue, seen, gate, begin } = aWatchedWorker(3);
    await queue.addBulk(numbers(3));
    begin();
    await eventually(() => expect(seen).toEqual([0, 1, 2]));
    gate.open();
    await eventually(() => expect(seen).toEqual([0, 1, 2, 'drained']));
    expect(cluster.queries).toEqual([]);
  });

  it('not when the leader shortened its claim, but once nothing is left', async () => {
    const { cluster, queue, seen, begin } = aWatchedWorker(10);
    cluster.claimedJobsMax = 2;
    await queue.addBulk(numbers(7));
    begin();
    await eventually(() => expect(seen).toContain('drained'));
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 'drained']);
  });

  it('once for each time that jobs came', async () => {
    const { cluster, queue, seen, begin } = aWatchedWorker(10);
    begin();
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    for (const n of [1, 2]) {
      await queue.add('n', n);
      await eventually(() => expect(seen.slice(-2)).toEqual([n, 'drained']));
    }
    expect(seen).toEqual([1, 'drained', 2, 'drained']);
  });

  it('also when the cluster could not be asked for longer than a deadline', async () => {
    const { cluster, queue, seen, begin } = aWatchedWorker(10);
    begin();
    await eventually(() => expect(cluster.parkedClaims).toBe(1));
    cluster.afterTurn = () => {
      if (cluster.machine.counts('numbers').active === 0) return;
      cluster.afterTurn = () => undefined;
      cluster.leader = undefined;
      setTimeout(() => cluster.elect(1), 15_000);
    };
    await queue.add('n', 1);
    await eventually(() => expect(seen).toEqual([1, 'drained']));
  });

  it('when another worker took the last job that waited', async () => {
    const { cluster, client, queue, seen, begin } = aWatchedWorker(10);
    cluster.claimedJobsMax = 1;
    await queue.addBulk(numbers(2));
    const taken: number[] = [];
    const other = new Worker<number>('numbers', (job) => taken.push(job.data), {
      connection: client,
      lockDuration: 20_000,
      autorun: false,
    });
    toClose.unshift(() => other.close(true));
    void other.run();
    begin();
    await eventually(() => expect(seen).toContain('drained'));
    expect(seen.filter((event) => event !== 'drained').length + taken.length).toBe(2);
    expect(seen.filter((event) => event === 'drained')).toHaveLength(1);
  });
});

describe('a worker without listeners', () => {
  it('does not count the waiting jobs', async () => {
    const { cluster, client, queue, aWorker } = aSetting();
    aWorker(() => 1, { concurrency: 5 });
    await queue.addBulk(numbers(7));
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(7));
    expect(await new Queue('numbers', { connection: client }).getJobCounts()).toMatchObject({ completed: 7 });
    expect(cluster.queries).toHaveLength(1);
  });
});
