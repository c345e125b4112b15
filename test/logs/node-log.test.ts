import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LogFileError } from '../../src/logs/log-file-error.ts';
import { openNodeLog } from '../../src/logs/node-log.ts';
import type { NodeEvent } from '../../src/node/event.ts';
import { eventually } from '../client/eventually.ts';
import { aFolder, becomes, linesOf, sends, started, timedOut } from './node-events.ts';

function logOf(level: 'info' | 'debug', events: readonly NodeEvent[]): Record<string, unknown>[] {
  const file = join(aFolder(), 'node-1.log');
  using log = openNodeLog({ node: 1, file, level });
  for (const event of events) log.observe(event);
  log.close();
  return linesOf(file);
}

const rpcLines = (lines: readonly Record<string, unknown>[]) => lines.filter(({ event }) => event === 'rpc-sent');
const totals = (lines: readonly Record<string, unknown>[]) => lines.filter(({ event }) => event === 'rpc-totals').map(({ sent }) => sent);

describe("a node's log", () => {
  it('has one structured line for each event, with a sentence', () => {
    const lines = logOf('info', [started(1), timedOut(1), becomes(1, 'leader', 4)]);
    expect(lines.map(({ msg }) => msg)).toEqual([
      'Node 1 opens its log',
      'Node 1 starts in term 0 with entries up to 0, 0 of them known as committed',
      'Node 1 timed out, starting election',
      'Node 1 becomes leader',
      'Node 1 closes its log',
    ]);
    expect(lines[3]).toMatchObject({ level: 'info', event: 'role', node: 1, role: 'leader', term: 4, atMs: 2 });
    expect(Date.parse(String(lines[3]?.time))).not.toBeNaN();
  });

  it('writes every RPC at level debug', () => {
    const lines = logOf('debug', [sends(1, 'append', 2), sends(1, 'append', 2), sends(1, 'append-accepted', 2)]);
    expect(rpcLines(lines)).toMatchObject([
      { level: 'debug', rpc: 'AppendEntries', to: 2, term: 1, entries: 0 },
      { level: 'debug', rpc: 'AppendEntries', to: 2 },
      { level: 'debug', rpc: 'AppendEntriesResponse', to: 2 },
    ]);
    expect(totals(lines)).toEqual([{ AppendEntries: { 2: 2 }, AppendEntriesResponse: { 2: 1 } }]);
  });

  it('writes the first AppendEntries to each peer in each term at level info, and counts the others', () => {
    const burst = Array.from({ length: 500 }, () => [sends(1, 'append', 2), sends(1, 'append', 3)]).flat();
    const lines = logOf('info', [...burst, sends(1, 'append', 2, 2), sends(1, 'append', 2, 2)]);
    expect(rpcLines(lines).map(({ to, term }) => `${to} in term ${term}`)).toEqual(['2 in term 1', '3 in term 1', '2 in term 2']);
    expect(totals(lines)).toEqual([{ AppendEntries: { 2: 502, 3: 500 } }]);
  });

  it('writes every RequestVote and no replies at level info', () => {
    const lines = logOf('info', [
      sends(1, 'request-vote', 2),
      sends(1, 'request-vote', 2),
      sends(1, 'vote-reply', 2),
      sends(1, 'append-rejected', 2),
    ]);
    expect(rpcLines(lines).map(({ msg }) => msg)).toEqual([
      'Node 1 sends RPC RequestVote to Node 2',
      'Node 1 sends RPC RequestVote to Node 2',
    ]);
    expect(totals(lines)).toEqual([{ RequestVote: { 2: 2 }, RequestVoteResponse: { 2: 1 }, AppendEntriesResponse: { 2: 1 } }]);
  });

  it('writes totals every two seconds of the node’s time, since its opening, and none without new events', () => {
    const lines = logOf('info', [
      sends(1, 'append', 2, 1, 0),
      sends(1, 'append', 2, 1, 1_999),
      sends(1, 'append', 2, 1, 2_000),
      sends(1, 'append', 2, 1, 2_001),
    ]);
    expect(totals(lines)).toEqual([{ AppendEntries: { 2: 3 } }, { AppendEntries: { 2: 4 } }]);
    expect(totals(logOf('info', [started(1), timedOut(1, 0, 9_000)]))).toEqual([]);
  });

  it('may be closed twice, and logs nothing afterwards', () => {
    const file = join(aFolder(), 'node-1.log');
    const log = openNodeLog({ node: 1, file });
    log.close();
    log.close();
    log.observe(timedOut(1));
    expect(linesOf(file).map(({ event }) => event)).toEqual(['log-opened', 'log-closed']);
  });

  it('continues after the lines of an earlier run, also after a partial line', () => {
    const file = join(aFolder(), 'run', 'node-1.log');
    openNodeLog({ node: 1, file }).close();
    appendFileSync(file, '{"level":"info","ti');
    openNodeLog({ node: 1, file }).close();
    const lines = readFileSync(file, 'utf8').split('\n');
    expect(lines[2]).toBe('{"level":"info","ti');
    expect(lines.filter((line) => line.includes('log-opened'))).toHaveLength(2);
    expect(JSON.parse(lines[3] ?? '')).toMatchObject({ event: 'log-opened' });
  });

  it('says what to do when its file cannot be opened', () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'taken'), '');
    expect(() => openNodeLog({ node: 1, file: join(folder, 'taken', 'node-1.log') })).toThrow(LogFileError);
    expect(() => openNodeLog({ node: 1, file: folder })).toThrow(/cannot be opened: .* Name a folder that can be written/);
  });

  it.skipIf(!existsSync('/dev/full'))('ends with one warning on a full disk, and the node continues', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.message);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    using log = openNodeLog({ node: 1, file: '/dev/full' });
    for (let round = 0; round < 3; round += 1) log.observe(timedOut(1));
    log.close();
    await eventually(() => expect(warnings).not.toEqual([]));
    expect(warnings).toEqual([expect.stringMatching(/The log \/dev\/full ends here: ENOSPC.* The node continues/)]);
  });

  it('has every line in the file before the next event, so that a killed thread loses none', () => {
    const file = join(aFolder(), 'node-1.log');
    using log = openNodeLog({ node: 1, file });
    log.observe(timedOut(1));
    expect(linesOf(file).map(({ msg }) => msg)).toEqual(['Node 1 opens its log', 'Node 1 timed out, starting election']);
    log.observe(becomes(1, 'leader'));
    expect(linesOf(file).at(-1)).toMatchObject({ msg: 'Node 1 becomes leader' });
  });
});
