import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/client/api/job.ts';
import { eventually } from './eventually.ts';
import { countTimeInTurns } from './turn-time.ts';
import { aGate, aSetting, closeAfterEach } from './worker-setting.ts';

countTimeInTurns();
closeAfterEach();

/** Changes by user code to the objects that it receives. */
const TREATMENTS: readonly [string, (object: object) => void][] = [
  ['frozen', (object) => void Object.freeze(object)],
  [
    'given other values',
    (object) => {
      for (const name of Object.getOwnPropertyNames(object)) Reflect.set(object, name, 5);
    },
  ],
  [
    'robbed of its properties',
    (object) => {
      for (const name of Reflect.ownKeys(object)) Reflect.deleteProperty(object, name);
    },
  ],
  ['robbed of its methods', (object) => void Object.setPrototypeOf(object, null)],
  [
    'given setters that throw',
    (object) => {
      const reject = (): never => {
        throw new Error('not to be set');
      };
      for (const name of ['id', 'token', 'attemptsMade', 'failedReason', 'stalledCounter', 'extendedAtMs', 'isEnded'])
        Object.defineProperty(object, name, { get: reject, set: reject, configurable: true });
    },
  ],
];

describe.each(TREATMENTS)('a job whose objects are %s by user code', (_, treat) => {
  it('is completed, and its worker reports it', async () => {
    const { queue, aWorker } = aSetting();
    const added = await queue.add('n', 1);
    const other = await queue.add('n', 2, { delay: 60_000 });
    const completed: unknown[] = [];
    const worker = aWorker((job, _token, signal) => {
      const { data } = job;
      treat(job);
      treat(signal);
      return data;
    });
    worker.on('completed', (_job, result) => completed.push(result));
    await eventually(() => expect(completed).toEqual([1]));
    expect(await queue.getJob(added.id)).toMatchObject({ state: 'completed', returnvalue: 1 });
    expect(await queue.getJob(other.id)).toMatchObject({ state: 'delayed' });
  });

  it('fails with its reason, attempt by attempt', async () => {
    const { queue, aWorker } = aSetting();
    const added = await queue.add('n', 1, { attempts: 2 });
    const failed: unknown[] = [];
    const worker = aWorker((job, _token, signal) => {
      treat(job);
      treat(signal);
      throw new Error('no');
    });
    worker.on('failed', (_job, error) => failed.push(error.message));
    await eventually(() => expect(failed).toEqual(['no', 'no']));
    expect(await queue.getJob(added.id)).toMatchObject({ state: 'failed', failedReason: 'no', attemptsMade: 2 });
  });

  it('is given back when its worker is closed by force, despite changes to its signal', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const seen: AbortSignal[] = [];
    await queue.add('n', 1);
    const worker = aWorker(async (job, _token, signal) => {
      treat(signal);
      treat(job);
      seen.push(signal);
      await new Promise(() => undefined);
    });
    await eventually(() => expect(seen).toHaveLength(1));
    await worker.close(true);
    expect(cluster.machine.counts('numbers')).toMatchObject({ active: 0, waiting: 1 });
  });

  it('is completed if a listener makes the change before the processor begins', async () => {
    const { cluster, queue, aWorker } = aSetting();
    await queue.add('n', 1);
    const worker = aWorker(() => 1);
    worker.on('active', (job: Job<number, unknown>) => treat(job));
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(1));
  });
});

describe('a job whose id is changed by user code', () => {
  it('keeps its lease', async () => {
    const { cluster, queue, aWorker } = aSetting();
    const gate = aGate();
    const added = await queue.add('n', 1);
    const stalled: unknown[] = [];
    const worker = aWorker(
      async (job) => {
        Reflect.set(job, 'id', '5');
        await gate.opened;
      },
      { lockDuration: 3_000 },
    );
    worker.on('stalled', (_job, error) => stalled.push(error));
    await eventually(() => expect(cluster.machine.counts('numbers').active).toBe(1));
    const before = cluster.appliedRequests;
    await eventually(() => expect(cluster.appliedRequests).toBeGreaterThan(before));
    gate.open();
    await eventually(() => expect(cluster.machine.counts('numbers').completed).toBe(1));
    expect(stalled).toEqual([]);
    expect(await queue.getJob(added.id)).toMatchObject({ state: 'completed' });
  });
});

describe('an unchanged job', () => {
  it('shows its outcome in its events', async () => {
    const { queue, aWorker } = aSetting();
    await queue.add('n', 1, { attempts: 2 });
    const shown: object[] = [];
    let runs = 0;
    const worker = aWorker(() => {
      runs += 1;
      if (runs === 1) throw new Error('no');
      return 7;
    });
    worker.on('failed', ({ attemptsMade, failedReason }) => shown.push({ attemptsMade, failedReason }));
    worker.on('completed', ({ attemptsMade, returnvalue }) => shown.push({ attemptsMade, returnvalue }));
    await eventually(() => expect(shown).toHaveLength(2));
    expect(shown).toEqual([
      { attemptsMade: 1, failedReason: 'no' },
      { attemptsMade: 2, returnvalue: 7 },
    ]);
  });
});
