import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Client, type Job, Queue, Worker } from 'jobraft';
import { connect } from 'jobraft/remote';
import { describe, expect, it } from 'vitest';
import { NodeProcesses } from './node-process.ts';
import { aFolder, eventually, PATIENT_MS } from './support.ts';

const built = resolve(import.meta.dirname, '../../dist/src');
const fixture = resolve(import.meta.dirname, 'fixtures/remote-worker.mjs');
/** No test waits for its end. */
const LOCK_MS = 3_600_000;

/** A process with a worker, which begins one job. */
class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  output = '';

  constructor(endpoints: readonly string[]) {
    this.#child = spawn(process.execPath, [fixture, built, endpoints.join(','), String(LOCK_MS)], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (chunk) => {
      this.output += String(chunk);
    });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

describe('a process that works for nodes that are processes', () => {
  it('loses its leases soon after it was killed, also while a node is down, and at once when it closes its connection', async () => {
    using folder = aFolder();
    await using nodes = await NodeProcesses.start(folder.path, { JOBRAFT_HOLDER_GRACE_MS: '500' });
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using client = new Client(cluster, { deadlineMs: PATIENT_MS });
    await using queue = new Queue('work', { connection: client });
    const { id } = await queue.add('endless', {});
    await using killed = new WorkerProcess(nodes.endpoints);
    await eventually('the job has begun', async () => killed.output.includes(`begun ${id}`));
    // Its completion shows the cluster that the process has the first job.
    const quick = await queue.add('quick', {});
    await eventually('a job is completed', async () => (await (await queue.getJob(quick.id))?.getState()) === 'completed');
    // The others saw the process after this node.
    await nodes.node(3).end('SIGKILL');
    await killed.kill();
    const other = await connect({ endpoints: nodes.endpoints });
    const begun: { readonly id: string; readonly stalls: number }[] = [];
    const options = { connection: other, lockDuration: LOCK_MS, maxStalledCount: 5 };
    const onJob = (job: Job): Promise<void> => {
      begun.push({ id: job.id, stalls: job.stalledCounter });
      return new Promise(() => undefined);
    };
    const worker = new Worker('work', onJob, options);
    worker.on('error', () => undefined);
    await eventually('another worker has it', async () => begun.length > 0);
    expect(begun).toEqual([{ id, stalls: 1 }]);
    await other.close();
    await worker.close().catch(() => undefined);
    expect(await (await queue.getJob(id))?.getState()).toBe('waiting');
  });
});
