import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { threadCpuMs } from '../../src/cluster/thread-cpu.ts';

describe.skipIf(process.platform !== 'linux')('the CPU time of a thread', () => {
  const now = (): number => threadCpuMs() ?? Number.NaN;

  it('grows while the thread computes', () => {
    const beforeMs = now();
    expect(beforeMs).toBeGreaterThan(0);
    // Without end if the time does not grow.
    while (now() < beforeMs + 5);
  });

  it('is not that of the other threads', async () => {
    const busy = new Worker(
      'const { parentPort } = require("node:worker_threads"); const untilMs = process.cpuUsage().user + 200_000; while (process.cpuUsage().user < untilMs); parentPort.postMessage("done");',
      {
        eval: true,
      },
    );
    const beforeMs = now();
    await new Promise((resolve) => busy.once('message', resolve));
    // The process used 200 ms of it, this thread only waited.
    expect(now() - beforeMs).toBeLessThan(100);
    await busy.terminate();
  });
});
