import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VARIANTS } from '../../eval/questions/reasons/variants.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';

const built = async <Module>(file: string): Promise<Module> => await import(new URL(`../../dist/eval/${file}`, import.meta.url).href);
// Threads and the client run from the built package, as in a session.
const { withVariant } = await built<typeof import('../../eval/questions/reasons/with-variant.ts')>('questions/reasons/with-variant.js');

const JOBS = 300;
const CLIENTS = 2;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-variants-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const contextOf = (signal: AbortSignal) => ({
  config: loadClusterConfig(undefined, {}),
  dataDir: join(folder, 'data'),
  seed: 1,
  signal,
  rowsSoFar: [],
});

/** Of all nodes: one of them may not have received everything, and each has an older file. */
const largestLog = (): number =>
  Math.max(...[1, 2, 3].flatMap((node) => ['log-0', 'log-1'].map((name) => statSync(join(folder, 'data', `node-${node}`, name)).size)));

describe('a cluster that the evaluation composes', () => {
  it.each(VARIANTS)('has every acknowledged job: $name', async (variant) => {
    const outcome = await withVariant(variant, contextOf(new AbortController().signal), CLIENTS, async ({ cluster, queues }) => {
      const adds = Array.from({ length: JOBS }, async (_, at) => await queues[at % CLIENTS]?.add('message', new Uint8Array(64)));
      const ids = new Set((await Promise.all(adds)).map((job) => job?.id));
      const { waiting } = await queues[0].getJobCounts();
      const entries = Math.max(...(await cluster.counters()).map(({ entriesAppended }) => entriesAppended));
      return { ids: ids.size, waiting, entries };
    });
    // One more found the leader.
    expect(outcome).toMatchObject({ ids: JOBS, waiting: JOBS + 1 });
    if (variant.client.batchOperationsMax === 1) expect(outcome?.entries).toBeGreaterThan(JOBS);
    else expect(outcome?.entries).toBeLessThan(JOBS);
    if (variant.storage === 'whole log') expect(largestLog()).toBeGreaterThan(JOBS * 64);
  });

  it('ends when the session is interrupted, and its calls with it', async () => {
    const [variant] = VARIANTS;
    if (variant === undefined) throw new Error('There are variants.');
    const interrupted = new AbortController();
    const outcome = await withVariant(variant, contextOf(interrupted.signal), CLIENTS, async ({ queues: [queue] }) => {
      for (;;) {
        await queue.add('message', new Uint8Array(64));
        interrupted.abort();
      }
    });
    expect(outcome).toBeUndefined();
  });
});
