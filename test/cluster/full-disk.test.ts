import { describe, expect, it, vi } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { QuorumLostError } from '../../src/client/errors.ts';
import { startCluster } from '../../src/cluster/cluster.ts';
import { StorageError } from '../../src/storage/errors.ts';

// A node that starts, and whose disk is full when the first client connects.
vi.mock('../../src/cluster/node-code.ts', async (importOriginal) => ({
  ...(await importOriginal<typeof import('../../src/cluster/node-code.ts')>()),
  nodeThreadCode: () => ({
    code: `const { parentPort } = require('node:worker_threads');
      parentPort.on('message', ({ type }) => {
        if (type !== 'client') return type === 'stop' || type === 'kill' ? parentPort.close() : undefined;
        parentPort.postMessage({ type: 'failed', name: 'StorageError', code: 'STORAGE_FULL', message: 'Could not write. Free space.' });
        parentPort.close();
      });
      parentPort.postMessage({ type: 'ready' });`,
    isSource: true,
  }),
}));

describe('a cluster without a majority since the disk is full', () => {
  it('rejects calls at once, with the cause', async () => {
    const failed: number[] = [];
    await using cluster = await startCluster({ nodes: 3, storage: 'memory', onNodeFailure: (node) => failed.push(node) });
    await using queue = new Queue<number>('numbers', { connection: cluster });
    expect(cluster.outageCause()).toBeUndefined();
    const error = await queue.add('n', 1).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(QuorumLostError);
    expect(error).toMatchObject({ message: expect.stringMatching(/STORAGE_FULL: Node \d: Could not write\. Free space\./) });
    expect(error).toMatchObject({ cause: expect.any(StorageError) });
    expect(failed.length).toBeGreaterThan(1);
    await expect(queue.add('n', 2)).rejects.toMatchObject({ code: 'QUORUM_LOST', outcome: 'not-applied', cause: { code: 'STORAGE_FULL' } });
  });
});
