import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { realElections as RealElections } from '../../eval/questions/elections/real-elections.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';

// The nodes' threads run the built code.
const { realElections }: { readonly realElections: typeof RealElections } = await import(
  new URL('../../dist/eval/questions/elections/real-elections.js', import.meta.url).href
);

const SETUP = { nodes: 3, timeouts: { minMs: 400, maxMs: 800 }, trials: 2, delayMs: { from: 0, to: 1 }, limitMs: 60_000 };

function aContext(signal: AbortSignal) {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-elections-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { config: loadClusterConfig(undefined, {}), dataDir: join(folder, 'data'), seed: 1, signal, rowsSoFar: [] };
}

it('measures crashes of real leaders one after the other, from the crash to another leader', async () => {
  const trials = await realElections(aContext(new AbortController().signal), SETUP);
  expect(trials).toHaveLength(2);
  for (const ms of trials) expect(ms).toBeGreaterThan(0);
});

it('measures nothing once it is aborted', async () => {
  expect(await realElections(aContext(AbortSignal.abort()), SETUP)).toEqual([]);
});
