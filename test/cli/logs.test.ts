import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openNodeLog } from '../../src/logs/node-log.ts';
import type { NodeEvent } from '../../src/node/event.ts';
import { aFolder, becomes, timedOut } from '../logs/node-events.ts';

const PROGRAM = join(import.meta.dirname, '../../dist/src/cli/main.js');

function logs(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, 'logs', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

function writeLog(folder: string, node: number, ...events: readonly NodeEvent[]): string {
  const file = join(folder, `node-${node}.log`);
  const log = openNodeLog({ node, file, level: 'info' });
  for (const event of events) log.observe(event);
  log.close();
  return file;
}

describe('the command `logs`', () => {
  it('prints the analysis as text, and as JSON on request', () => {
    const folder = aFolder();
    writeLog(folder, 1, timedOut(1), becomes(1, 'leader'));
    writeLog(folder, 2);
    const text = logs(folder);
    expect(text).toMatchObject({ status: 0, stderr: '' });
    expect(text.stdout).toMatch(/^2 nodes: 1, 2\n[\s\S]*Elections started: 1\n/);
    for (const args of [
      [folder, '--json'],
      ['--json', folder],
    ]) {
      const json = logs(...args);
      expect(json).toMatchObject({ status: 0, stderr: '' });
      expect(JSON.parse(json.stdout)).toMatchObject({ elections: 1, nodes: [{ node: 1 }, { node: 2 }], leaders: [{ node: 1, term: 1 }] });
    }
  });

  it('takes the folder of a run, whose logs are in its folder "logs"', () => {
    const run = aFolder();
    mkdirSync(join(run, 'logs'));
    writeLog(join(run, 'logs'), 3);
    expect(logs(run)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^1 node: 3\n/) });
  });

  it('reads what a kill left: a torn last line is a remark, and no error', () => {
    const folder = aFolder();
    const file = writeLog(folder, 1, timedOut(1));
    appendFileSync(file, '{"time":"2026-');
    expect(logs(folder)).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('1 line(s) could not be read') });
  });

  it('describes itself, its argument and its option', () => {
    const { status, stdout } = logs('--help');
    expect(status).toBe(0);
    for (const part of ['Usage: jobraft logs', '<folder>', 'node-<n>.log', '--json']) expect(stdout).toContain(part);
  });

  /** What is wrong, and the one line that says so. */
  const mistakes: readonly (readonly [string, () => readonly string[], RegExp])[] = [
    ['a folder without logs', () => [aFolder()], /^jobraft: LOG_FOLDER: There are no node logs .*Name the folder of a run/],
    [
      'a folder that does not exist',
      () => [join(aFolder(), 'missing')],
      /^jobraft: LOG_FOLDER: The folder .*missing cannot be read: ENOENT.*Name the folder of a run/,
    ],
    [
      'a file instead of a folder',
      () => {
        const file = join(aFolder(), 'node-1.log');
        writeFileSync(file, '');
        return [file];
      },
      /^jobraft: LOG_FOLDER: The folder .*node-1\.log cannot be read: ENOTDIR/,
    ],
    ['no folder', () => [], /^jobraft: USAGE: missing required argument 'folder'/],
    ['two folders', () => [aFolder(), aFolder()], /^jobraft: USAGE: too many arguments/],
    ['an unknown option', () => [aFolder(), '--jsn'], /^jobraft: USAGE: unknown option '--jsn'/],
  ];
  it.each(mistakes)('reports %s in one sentence without a stack trace, and exits with code 2', (_, args, message) => {
    const { status, stdout, stderr } = logs(...args());
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});
