import '../../src/runtime/check.ts';

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { ensureBaseImage } from './base-image.ts';
import { Compose } from './compose.ts';
import { openEngine } from './engine.ts';
import { NODES, SCENARIOS } from './scenarios.ts';

const BUILD_MS_MAX = 1_200_000;
const UP_MS_MAX = 300_000;

/** @returns the exit code. */
async function run(folder: string): Promise<number> {
  const engine = await openEngine(folder);
  if (typeof engine === 'string') return skip(engine);
  await using running = engine;
  const base = ensureBaseImage(running, folder);
  if (!base.isThere) return skip(base.text);
  console.log(`The base image ${base.text}.`);
  const compose = new Compose(running, `jobraft-test-${process.pid}`);
  try {
    await compose.expect(['build'], '', BUILD_MS_MAX);
    console.log('The image is built.');
    await compose.expect(['up', '--detach', ...NODES.map((node) => `node${node}`)], '', UP_MS_MAX);
    return await runScenarios(compose);
  } finally {
    const { code, stderr } = await compose.run(['down', '--volumes', '--timeout', '10']);
    if (code !== 0) console.log(`"down" ended with ${code}: ${stderr.trim().slice(-500)}`);
  }
}

function skip(reason: string): number {
  console.log(`SKIPPED: the container tests, since ${reason}`);
  return 0;
}

async function runScenarios(compose: Compose): Promise<number> {
  const ids: string[] = [];
  let failed = 0;
  for (const { rows, name, run } of SCENARIOS) {
    const startedMs = performance.now();
    let text: string;
    try {
      text = await run(compose, ids);
    } catch (error) {
      failed += 1;
      text = `FAILED: ${error instanceof Error ? error.message : String(error)}`;
    }
    console.log(`${rows}: ${name}: ${text} (${((performance.now() - startedMs) / 1000).toFixed(0)} s)`);
  }
  console.log(`${SCENARIOS.length} scenarios, ${failed} failed; ${ids.length} adds acknowledged`);
  return failed === 0 ? 0 : 1;
}

async function main(): Promise<void> {
  new Command('test:containers')
    .description(
      'Builds the image, starts the five nodes of compose.yaml, and checks elections, failures of the leader, lost volumes and kills.',
    )
    .parse(process.argv);
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-containers-'));
  try {
    process.exitCode = await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

await withoutStackTraces(main);
