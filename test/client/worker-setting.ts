import { afterEach } from 'vitest';
import { Client } from '../../src/client/api/client.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { Quarantine } from '../../src/client/worker/quarantine.ts';
import { type Processor, Worker, type WorkerOptions } from '../../src/client/worker/worker.ts';
import { FakeCluster } from './fake-cluster.ts';

/** Closed after the test, in this order. */
export const toClose: (() => Promise<void> | void)[] = [];

export interface SettingOptions {
  readonly nodes?: readonly number[];
  /** The process for which the workers claim. */
  readonly holder?: number;
  /** The quarantine of the workers' process; settings that share it simulate one process. */
  readonly quarantine?: Quarantine;
  /** How long the workers' claims wait, unless a worker has its own. */
  readonly claimWaitMs?: number;
}

/** A cluster, a client, a queue of numbers and its workers; all of it is closed after the test. */
export function aSetting({ nodes = [1], holder = 0, quarantine = new Quarantine(), claimWaitMs = 60_000 }: SettingOptions = {}) {
  const cluster = new FakeCluster(nodes, quarantine);
  cluster.holder = holder;
  const client = new Client(cluster, { silenceMs: 50 });
  toClose.push(
    () => client.close(),
    () => cluster.close(),
  );
  const queue = new Queue<number, unknown>('numbers', { connection: client });
  const aWorker = (processor: Processor<number, unknown>, options: Partial<WorkerOptions> = {}): Worker<number, unknown> => {
    const worker = new Worker<number, unknown>('numbers', processor, { connection: client, claimWaitMs, ...options });
    toClose.unshift(() => worker.close(true));
    return worker;
  };
  return { cluster, client, queue, aWorker };
}

/** For every test file that uses {@link aSetting}: closes everything that it created. */
export function closeAfterEach(): void {
  afterEach(async () => {
    for (const close of toClose.splice(0)) await close();
  });
}

/** A promise that the test resolves. */
export function aGate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
