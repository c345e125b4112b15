import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { analyseLogs, analyseMixedLogs, LogFolderError } from '../../src/logs/analysis.ts';
import { analysisText } from '../../src/logs/analysis-text.ts';
import { openNodeLog } from '../../src/logs/node-log.ts';
import type { NodeEvent } from '../../src/node/event.ts';
import { aFolder, becomes, sends, started, timedOut } from './node-events.ts';

const LEVELS = ['info', 'debug'] as const;

interface Session {
  readonly node: number;
  readonly level?: 'info' | 'debug';
  readonly events: readonly NodeEvent[];
  /** The node never closes its log. */
  readonly isKilled?: boolean;
}

/** A folder with logs; several sessions of a node are restarts. */
function aRun(...sessions: readonly Session[]): string {
  const folder = aFolder();
  for (const { node, level = 'info', events, isKilled = false } of sessions) {
    const log = openNodeLog({ node, file: join(folder, `node-${node}.log`), level });
    for (const event of events) log.observe(event);
    if (!isKilled) log.close();
  }
  return folder;
}

const times = (count: number, event: NodeEvent): NodeEvent[] => Array.from({ length: count }, () => event);

describe('the analysis of a run', () => {
  it('reports the nodes, when each became leader, elections, and the RPCs of each node', async () => {
    const folder = aRun(
      {
        node: 1,
        events: [
          started(1),
          timedOut(1),
          sends(1, 'request-vote', 2),
          sends(1, 'request-vote', 10),
          becomes(1, 'leader', 1),
          ...times(7, sends(1, 'append', 2)),
        ],
      },
      {
        node: 2,
        events: [
          started(2),
          sends(2, 'vote-reply', 1),
          timedOut(2, 1),
          timedOut(2, 1),
          becomes(2, 'candidate', 2),
          becomes(2, 'leader', 2),
        ],
      },
      { node: 10, events: [started(10)] },
    );
    const analysis = await analyseLogs(folder);
    expect(analysis.nodes.map(({ node }) => node)).toEqual([1, 2, 10]);
    expect(analysis.leaders.map(({ node, term }) => ({ node, term }))).toEqual([
      { node: 1, term: 1 },
      { node: 2, term: 2 },
    ]);
    for (const { time } of analysis.leaders) expect(Date.parse(time)).not.toBeNaN();
    expect(analysis.elections).toBe(3);
    expect(analysis.nodes.map(({ elections }) => elections)).toEqual([1, 2, 0]);
    expect(analysis.nodes.map(({ rpcSent }) => rpcSent)).toEqual([{ RequestVote: 2, AppendEntries: 7 }, { RequestVoteResponse: 1 }, {}]);
    expect(analysis.nodes.every(({ isComplete, unreadableLines }) => isComplete && unreadableLines === 0)).toBe(true);
  });

  it.each(LEVELS)('counts every RPC once at level %s, over totals and restarts', async (level) => {
    const long = [
      ...times(40, sends(1, 'append', 2, 1, 10)),
      ...times(40, sends(1, 'append', 3, 1, 5_000)),
      ...times(3, sends(1, 'append', 2, 2, 5_001)),
    ];
    const again = [sends(1, 'append', 2, 3), sends(1, 'install-snapshot', 3, 3), sends(1, 'install-snapshot', 3, 3)];
    const { nodes } = await analyseLogs(aRun({ node: 1, level, events: long }, { node: 1, level, events: again }));
    expect(nodes).toMatchObject([{ starts: 2, isComplete: true, rpcSent: { AppendEntries: 84, InstallSnapshot: 2 } }]);
  });

  it('counts what a killed node sent since its last totals if every RPC has a line, and otherwise reports that it cannot', async () => {
    const events = [
      ...times(10, sends(1, 'append', 2, 1, 0)),
      sends(1, 'append', 2, 1, 3_000),
      ...times(5, sends(1, 'append', 2, 1, 3_001)),
    ];
    const debug = await analyseLogs(aRun({ node: 1, level: 'debug', events, isKilled: true }));
    expect(debug.nodes).toMatchObject([{ isComplete: true, rpcSent: { AppendEntries: 16 } }]);
    const info = await analyseLogs(aRun({ node: 1, events, isKilled: true }));
    expect(info.nodes).toMatchObject([{ isComplete: false, rpcSent: { AppendEntries: 11 } }]);
    expect(analysisText(info)).toContain('Node 1 was killed, or still runs: RPCs since its last totals are not counted.');
  });

  it('remembers a kill after a restart', async () => {
    const folder = aRun({ node: 1, events: [sends(1, 'append', 2)], isKilled: true }, { node: 1, events: [sends(1, 'append', 2)] });
    expect((await analyseLogs(folder)).nodes).toMatchObject([{ isComplete: false, starts: 2, rpcSent: { AppendEntries: 2 } }]);
  });

  it('skips a torn last line and foreign lines, and reports how many', async () => {
    const folder = aRun({ node: 1, events: [becomes(1, 'leader')] });
    appendFileSync(
      join(folder, 'node-1.log'),
      'hello\n{"node":2,"event":"role","role":"leader","term":9,"time":"x"}\n[1]\n{"level":"info","time":"2025-',
    );
    const analysis = await analyseLogs(folder);
    expect(analysis.nodes).toMatchObject([{ unreadableLines: 4 }]);
    expect(analysis.leaders).toHaveLength(1);
    expect(analysisText(analysis)).toContain('4 line(s) could not be read');
  });

  it('reads the mixed logs of containers, without their names and the lines of other programs', async () => {
    const folder = aRun(
      { node: 1, events: [started(1), timedOut(1), sends(1, 'request-vote', 2), becomes(1, 'leader', 1)] },
      { node: 2, events: [started(2), sends(2, 'vote-reply', 1)] },
    );
    const lines = [2, 1].flatMap((node) =>
      readFileSync(join(folder, `node-${node}.log`), 'utf8')
        .trim()
        .split('\n')
        .map((line) => `node${node}_1  | ${line}\n`),
    );
    const mixed = await analyseMixedLogs(Readable.from(['Attaching to node1_1, node2_1\n', ...lines, 'certs_1  | {"done":true}\n']));
    const { nodes, ...whole } = await analyseLogs(folder);
    expect(mixed).toEqual({ ...whole, nodes: nodes.map((node) => ({ ...node, file: '-' })) });
    await expect(analyseMixedLogs(Readable.from(['certs_1  | done\n']))).rejects.toThrow('Standard input has no line of a node');
  });

  it('looks into the folder "logs" of a run too', async () => {
    const run = aFolder();
    mkdirSync(join(run, 'logs'));
    cpSync(aRun({ node: 3, events: [] }), join(run, 'logs'), { recursive: true });
    expect((await analyseLogs(run)).nodes.map(({ node }) => node)).toEqual([3]);
  });

  it('says where to look when a folder has no logs, or does not exist', async () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'node-x.log'), '');
    await expect(analyseLogs(folder)).rejects.toThrow(/There are no node logs .* Name the folder of a run/);
    await expect(analyseLogs(join(folder, 'gone'))).rejects.toThrow(LogFolderError);
  });
});

describe('the text of an analysis', () => {
  it('has aligned columns', () => {
    const node = { file: 'node-1.log', starts: 1, isComplete: true, unreadableLines: 0 };
    const text = analysisText({
      nodes: [
        { ...node, node: 1, elections: 2, rpcSent: { RequestVote: 4, AppendEntries: 12_000 } },
        { ...node, node: 12, elections: 0, rpcSent: { AppendEntries: 3 } },
      ],
      leaders: [{ node: 1, term: 2, time: '2025-03-01T10:00:00.123Z' }],
      elections: 2,
    });
    expect(text).toBe(
      [
        '2 nodes: 1, 12',
        '',
        'Leaders',
        '  time (UTC)               node  term',
        '  2025-03-01 10:00:00.123     1     2',
        '',
        'Elections started: 2',
        '',
        'RPCs sent',
        '  node  starts  elections  AppendEntries  RequestVote',
        '  1          1          2          12000            4',
        '  12         1          0              3            0',
        '  all        2          2          12003            4',
        '',
      ].join('\n'),
    );
  });

  it('reports that there was no leader', () => {
    expect(analysisText({ nodes: [], leaders: [], elections: 0 })).toContain('No node became leader.');
  });
});
