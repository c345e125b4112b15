import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { checkHistory } from '../../src/history/checkers/check-history.ts';
import { operationsOf } from '../../src/history/operation.ts';
import { parseHistory } from '../../src/history/parse-history.ts';

const soak = resolve(import.meta.dirname, '../../dist/eval/soak/main.js');
const SECONDS = 4;

it('clients see a linearizable queue that loses nothing, under a kill, a pause, a partition and the death of the whole process', async ({
  signal,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-history-'));
  const file = join(folder, 'history.ndjson');
  try {
    const args = [soak, '--seconds', `${SECONDS}`, '--seed', '7', '--history', file];
    const stdout = await outputOf(args, signal);
    expect(stdout).toMatch(/killed leader \d/);
    expect(stdout).toMatch(/paused (leader|follower) \d/);
    expect(stdout).toMatch(/cut \d from \d,\d/);
    expect(stdout).toMatch(/killed the whole process \(SIGKILL\) and started it again/);

    // The export is checked once more, like by any other checker: from the file alone.
    const events = parseHistory(readFileSync(file, 'utf8'), { tornTail: 'drop' });
    const report = checkHistory(events, { clockErrorMs: 50, wholeQueues: ['small'] });
    expect(report.verdicts.map(({ checker, result, problems }) => ({ checker, result, problems }))).toEqual(
      report.verdicts.map(({ checker }) => ({ checker, result: 'ok', problems: [] })),
    );
    expect(report.accounting).toMatchObject({ lost: 0, duplicated: 0, unexpected: 0 });

    // The history is meaningful: clients of every kind made calls, and received replies.
    const succeeded = new Set(operationsOf(events).flatMap(({ f, outcome }) => (outcome === 'ok' ? [f] : [])));
    expect([...succeeded]).toEqual(expect.arrayContaining(['add', 'claim', 'complete', 'fail', 'counts', 'getJob']));
    // How many there are depends on the machine; an idle one acknowledges about 1,000.
    expect(report.accounting.acknowledged).toBeGreaterThan(50);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** @param signal ends the program. @throws with its output, which has the findings. */
async function outputOf(args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...args], { signal });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`The soak failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}
