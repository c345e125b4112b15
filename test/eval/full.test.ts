import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FullStep, fullPlan } from '../../eval/full/full-plan.ts';
import { keepSessionsSince } from '../../eval/full/keep-session.ts';
import { runFull } from '../../eval/full/run-full.ts';
import { runStep } from '../../eval/full/run-step.ts';
import { type FullSession, SessionFile, sessionToRun } from '../../eval/full/session-file.ts';

let folder: string;
let file: SessionFile;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'jobraft-full-'));
  file = new SessionFile(folder);
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const now = new Date('2026-01-02T03:04:05.000Z');
const begun = (done: readonly string[]): FullSession => ({ session: 'one', commit: 'c', done: done.map((name) => ({ name, minutes: 1 })) });

/** A step whose process runs this code; its arguments come behind `-`. */
const step = (name: string, code: string): FullStep => ({
  name,
  fills: `${name}.csv`,
  expectedMs: 60_000,
  args: ['-e', code, '-'],
  hasCharts: false,
});
const print = (line: string): void => void lines.push(line);
const run = (steps: readonly FullStep[], session: FullSession) =>
  runFull({
    session,
    file,
    steps,
    folders: [folder],
    plots: ['plots'],
    print,
    openProgress: () => ({ onStep: () => undefined, onAdvance: () => undefined, print, stop: () => undefined }),
  });
const NOTES = "require('node:fs').appendFileSync(process.argv.at(-1) + '/notes', 'x');";
const notes = (): number => readFileSync(join(folder, 'notes'), 'utf8').length;

describe('the plan of a full session', () => {
  it('fits into 150 minutes, and names each step once', () => {
    const plan = fullPlan('s');
    expect(plan.reduce((sum, { expectedMs }) => sum + expectedMs, 0)).toBeLessThanOrEqual(150 * 60_000);
    expect(new Set(plan.map(({ name }) => name)).size).toBe(plan.length);
  });

  it('gives each command options that it has', async () => {
    // The comparison with other queues is a package of its own, which the tests do not install.
    const steps = fullPlan('s').filter(({ name }) => name !== 'peers');
    const commands = new Map(steps.map((of) => [of.args[0] ?? '', of]));
    await Promise.all(
      [...commands.values()].map(async ({ name, args, hasCharts = true }) => {
        const { stdout } = await promisify(execFile)(process.execPath, [...args, '--help']);
        const given = [...args.filter((arg) => arg.startsWith('--')), '--out', ...(hasCharts ? ['--plots-out'] : [])];
        const unknown = given.filter((option) => !stdout.includes(`${option} `));
        expect(unknown, name).toEqual([]);
      }),
    );
  });
});

describe('the rows of a full session', () => {
  it('are the only ones that stay, unchanged', () => {
    const csv = join(folder, 'bench.csv');
    const row = '2026-11-28T11:46:49.113Z,"a, b",1\n';
    writeFileSync(csv, `session,figure,value\n2026-11-21T06:02:04.115Z,"a, b",2\n${row}`);
    keepSessionsSince(csv, '2026-11-28T10:40:16.159Z');
    expect(readFileSync(csv, 'utf8')).toBe(`session,figure,value\n${row}`);
    keepSessionsSince(join(folder, 'none.csv'), '2026-11-28T10:40:16.159Z');
  });
});

describe('a full session', () => {
  it('goes on if it is of this commit and has steps left', () => {
    const conditions = { commit: 'c', steps: ['a', 'b'], now };
    expect(sessionToRun(begun(['a']), conditions)).toEqual(begun(['a']));
    const another = { session: now.toISOString(), commit: 'c', done: [] };
    expect(sessionToRun(undefined, conditions)).toEqual(another);
    expect(sessionToRun(begun(['a', 'b']), conditions)).toEqual(another);
    expect(sessionToRun({ ...begun(['a']), commit: 'other' }, conditions)).toEqual(another);
  });

  it('runs what is left, adds where each step writes, and records it', async () => {
    const steps = [
      step('a', 'process.exit(9)'),
      step('b', NOTES),
      { ...step('c', 'console.log(process.argv.at(-1))'), hasCharts: undefined },
    ];
    await run(steps as FullStep[], begun(['a']));
    expect(notes()).toBe(1);
    expect(lines).toContain('  c: plots');
    expect(file.read()?.done.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('measures the steps behind one that fails, says which failed, and measures only those the next time', async () => {
    const steps = [step('a', NOTES), step('b', 'process.exit(7)'), step('c', NOTES)];
    await expect(run(steps, begun([]))).rejects.toThrow('"b" with exit status 7');
    const session = file.read();
    expect(session?.done.map(({ name }) => name)).toEqual(['a', 'c']);
    await run([step('a', NOTES), step('b', NOTES), step('c', NOTES)], session ?? begun([]));
    expect(notes()).toBe(3);
    expect(file.read()?.done.map(({ name }) => name)).toEqual(['a', 'c', 'b']);
  });

  it('prints the plan with what is done, and what is left', async () => {
    await run([step('a', ''), step('b', '')], begun(['a']));
    const text = lines.join('\n');
    expect(text).toContain('done in 1.0');
    expect(text).toContain('1 of 2 steps, about 1 minute.');
  });

  it('interrupts the process of its step once, and records nothing of it', async () => {
    const code =
      "let n = 0; process.on('SIGINT', () => { n += 1; setTimeout(() => { console.log('signals', n); process.exit(130); }, 50); }); setInterval(() => {}, 1000); console.log('ready');";
    const interrupted = run([step('a', code), step('b', NOTES)], begun([]));
    await vi.waitUntil(() => lines.includes('  a: ready'), { timeout: 240_000 });
    process.emit('SIGINT');
    expect(await interrupted).toEqual({ isInterrupted: true });
    expect(lines).toContain('  a: signals 1');
    expect(file.read()).toBeUndefined();
  });

  it('has a damaged file that names its remedy', () => {
    writeFileSync(file.path, '{"session": 1}');
    expect(() => file.read()).toThrow(/session\.json is damaged.*--new/s);
  });
});

describe('the process of a step', () => {
  it('ends with 1 when a signal ends it', async () => {
    expect(await runStep(['-e', "process.kill(process.pid, 'SIGKILL')"], new AbortController().signal, () => undefined)).toBe(1);
  });
});
