import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { errorOfThread, NodeFailedError, NodeHandle, NodeStuckError } from '../../src/cluster/node-handle.ts';
import { LIMIT_DEFAULTS } from '../../src/config/limits.ts';
import { RAFT_DEFAULTS } from '../../src/raft/config.ts';

// A thread that never reads its messages, nor its kill switch.
vi.mock('node:worker_threads', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:worker_threads')>();
  return {
    ...original,
    Worker: class extends original.Worker {
      constructor() {
        super('require("node:worker_threads").parentPort.postMessage({ type: "ready" }); for (;;);', { eval: true });
      }
    },
  };
});

// There is no built code beside the sources, and the thread above needs none.
vi.mock('../../src/cluster/node-code.ts', async (importOriginal) => ({
  ...(await importOriginal<typeof import('../../src/cluster/node-code.ts')>()),
  nodeThreadCode: () => ({ code: '', isSource: true }),
}));

const aHandle = (): NodeHandle =>
  new NodeHandle(
    {
      id: 1,
      founders: [{ node: 1, disk: 1 }],
      newDiskId: 1,
      raft: RAFT_DEFAULTS,
      limits: LIMIT_DEFAULTS,
      file: undefined,
      durability: 'full',
      seed: 1,
      log: undefined,
    },
    () => undefined,
  );

describe('a thread that does not react', () => {
  const terminate = vi.spyOn(Worker.prototype, 'terminate');

  beforeEach(() => {
    terminate.mockClear();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => vi.useRealTimers());

  it('is terminated two seconds after it was killed, and no sooner', async () => {
    const handle = aHandle();
    await handle.ready;
    const killed = handle.kill();
    expect(handle.isRunning).toBe(false);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(terminate).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(terminate).toHaveBeenCalledOnce();
    await killed;
  });

  it('is killed when it has not stopped after five seconds', async () => {
    const handle = aHandle();
    await handle.ready;
    const stopped = handle.stop(true);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(handle.isRunning).toBe(false);
    expect(terminate).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(terminate).toHaveBeenCalledOnce();
    await stopped;
  });

  it('does not keep the process from exiting, nor the listener of a thread that has ended', async () => {
    const listeners = process.listenerCount('exit');
    const [one, other] = [aHandle(), aHandle()];
    await Promise.all([one.ready, other.ready]);
    expect(process.listenerCount('exit')).toBe(listeners + 1);
    const killed = Promise.all([one.kill(), other.kill()]);
    await vi.advanceTimersByTimeAsync(2_000);
    await killed;
    expect(process.listenerCount('exit')).toBe(listeners);
  });

  it('is waited for once: further reports are given up at once', async () => {
    const handle = aHandle();
    await handle.ready;
    const post = vi.spyOn(Worker.prototype, 'postMessage');
    const first = handle.report('nothing');
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(first).resolves.toBeUndefined();
    for (let call = 0; call < 1_000; call += 1) await expect(handle.report(call % 2 === 0 ? 'digest' : 'nothing')).resolves.toBeUndefined();
    expect(post).toHaveBeenCalledOnce();
    post.mockRestore();
    const killed = handle.kill();
    await vi.advanceTimersByTimeAsync(2_000);
    await killed;
  });

  it('gets requests again once it has replied, however late', async () => {
    const post = vi.spyOn(Worker.prototype, 'postMessage');
    const handle = aHandle();
    await handle.ready;
    const first = handle.report('nothing');
    await vi.advanceTimersByTimeAsync(1_000);
    await expect(first).resolves.toBeUndefined();
    const report = { role: 'follower', term: 3 };
    const thread: unknown = post.mock.instances[0];
    if (!(thread instanceof Worker)) throw new Error('the report was not asked for');
    thread.emit('message', { type: 'report', call: 1, report });
    const second = handle.report('nothing');
    thread.emit('message', { type: 'report', call: 2, report });
    await expect(second).resolves.toEqual(report);
    post.mockRestore();
    const killed = handle.kill();
    await vi.advanceTimersByTimeAsync(2_000);
    await killed;
  });

  it('not even to its termination, is reported with the remedy', async () => {
    terminate.mockResolvedValueOnce(0);
    const handle = aHandle();
    await handle.ready;
    const outcome = handle.kill().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await outcome).toBeInstanceOf(NodeStuckError);
    const ended = handle.kill();
    await vi.advanceTimersByTimeAsync(2_000);
    await ended;
  });
});

describe('the error that ended a thread', () => {
  const outOfMemory = Object.assign(new Error('Worker terminated due to reaching memory limit: JS heap out of memory'), {
    code: 'ERR_WORKER_OUT_OF_MEMORY',
  });

  it('names the remedy when its memory was full', () => {
    const error = errorOfThread(3, outOfMemory, 'unknown');
    expect(error).toBeInstanceOf(NodeFailedError);
    expect(error).toMatchObject({
      code: 'NODE_OUT_OF_MEMORY',
      outcome: 'unknown',
      message: expect.stringMatching(
        /^Node 3 stopped: its thread's heap is full\. Give Node\.js more memory .*cluster\.restart\(node\)\.$/,
      ),
    });
  });

  it('has the outcome not-applied when the node had not started', () => {
    for (const thrown of [outOfMemory, new Error('no'), 'text', undefined])
      expect(errorOfThread(1, thrown, 'not-applied').outcome).toBe('not-applied');
  });
});
