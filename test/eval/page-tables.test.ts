import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLastSession } from '../../eval/bench/bench-file.ts';
import { readEnvironments } from '../../eval/measuring/environment.ts';
import { packageRoot } from '../../eval/measuring/package-root.ts';
import { benchSection } from '../../eval/report/bench-section.ts';
import { clientText } from '../../eval/report/peers-answer.ts';
import { IN_FLIGHT, peersSection, peersSections } from '../../eval/report/peers-section.ts';

const results = join(packageRoot(), 'results');
const sectionOf = (page: string, name: string): string | undefined => {
  const text = readFileSync(join(packageRoot(), page), 'utf8');
  return text.split(`<!-- ${name} -->\n`)[1]?.split(`\n<!-- end of ${name} -->`)[0];
};

describe('the tables of the README and of docs/performance.md', () => {
  it('show the peers as the last session measured them', () => {
    expect(sectionOf('README.md', 'peers')).toBe(peersSection(readFileSync(join(results, 'peers.csv'), 'utf8')));
  });

  it('show the goals as the last session of the bench found them', () => {
    const session = readLastSession(join(results, 'bench.csv'));
    const runtime = readEnvironments(join(results, 'environment.json'))[session.environment]?.node;
    expect(runtime).toMatch(/^v\d/);
    expect(sectionOf('docs/performance.md', 'bench')).toBe(benchSection(session, runtime));
    expect(sectionOf('docs/performance.md', 'bench')).toContain(`Node.js ${runtime}`);
  });
});

describe('the comparison with peers', () => {
  it('names as many adds in flight as its sources have', () => {
    const ofSources = readdirSync(join(packageRoot(), 'eval', 'peers'))
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => /^ {2}addsInFlight: (\d+),/m.exec(readFileSync(join(packageRoot(), 'eval', 'peers', name), 'utf8'))?.[1] ?? []);
    expect(Object.values(IN_FLIGHT).sort()).toEqual(ofSources.map(Number).sort());
  });

  const header = 'session,peer,version,nodes,durability,measure,unit,value,low,high,rounds,commit,valid';
  const row = (peer: string, durability: string, value: number, session = '2026-02-02T00:00:00Z', valid = 'true'): string =>
    `${session},${peer},1.0,3,"${durability}","add, 64 B, many in flight",/s,${value},${value - 1},${value + 1},5,0123456789,${valid}`;

  it('shows the last session alone, durable systems first, and says which are not', () => {
    const csv = [
      header,
      row('old', 'has it on disk', 1, '2026-01-01T00:00:00Z'),
      row('quick', 'in the page cache', 90_000),
      row('jobraft', 'a majority of 3 nodes has it on disk', 50_000),
      row('broken', 'has it on disk', 5, undefined, 'false'),
    ].join('\n');
    const lines = peersSection(csv)
      .split('\n')
      .filter((line) => line.startsWith('| '));
    expect(lines).toHaveLength(4);
    expect(lines[2]).toMatch(/^\| \*\*jobraft\*\* \| 3 \| yes \| 50,000 \(49,999–50,001\) \|/);
    expect(lines[3]).toMatch(/^\| quick 1\.0 \| 3 \| \*\*no\*\* \|/);
  });

  it('names the measurements that failed', () => {
    const csv = [header, row('jobraft', 'has it on disk', 7), row('broken', 'has it on disk', 5, undefined, 'false')].join('\n');
    expect(peersSection(csv)).toContain('Failed in 1 round: broken, add, 64 B, many in flight.');
    expect(peersSection([header, row('jobraft', 'has it on disk', 7)].join('\n'))).not.toContain('Failed');
    const [of, failures] = peersSections(
      [
        header,
        row('jobraft', 'has it on disk', 7),
        row('other', 'has it on disk', 3),
        row('jobraft', 'has it on disk', 0, undefined, 'false'),
      ].join('\n'),
    );
    expect(of?.answer).not.toContain('failed');
    expect(failures?.table.rows).toEqual([['jobraft', 'add, 64 B, many in flight', '1', '–']]);
  });

  const figure = (
    peer: string,
    nodes: number,
    durability: string,
    measure: string,
    [value, low, high]: readonly number[],
    more = '',
  ): string =>
    `2026-02-02T00:00:00Z,${peer},1.0,${nodes},"${durability}","${measure}",/s,${value},${low},${high},2,0123456789,${more === '' ? 'true' : 'false'},,"${more}"`;
  const fullHeader = `${header},settings,reason`;
  const ADDS = 'add, 64 B, many in flight';

  it('is worse only where ranges do not overlap, and names what the better system lacks', () => {
    const rows = [
      figure('jobraft', 3, 'has it on disk', ADDS, [7, 6, 8]),
      figure('apart', 3, 'has it on disk', ADDS, [12, 11, 13]),
      figure('close', 3, 'has it on disk', ADDS, [9, 8, 10]),
      figure('single', 1, 'has it on disk', ADDS, [20, 19, 21]),
      figure('cached', 3, 'in the page cache', ADDS, [30, 29, 31]),
    ];
    const [section] = peersSections([fullHeader, ...rows].join('\n'));
    expect(section?.answer).toMatch(/jobraft is worse in: adds with many in flight\.$/);
    const terms = section?.terms?.join('\n');
    expect(terms).toContain(
      'ranges do not overlap with its own: adds with many in flight (7.0/s; apart 12, single, one node, 20, cached, not synced, 30).',
    );
    expect(terms).toContain('whose ranges overlap with its own: adds with many in flight (7.0/s; close 9.0).');
    const without = peersSections([fullHeader, rows[0], rows[2]].join('\n'))[0];
    expect(without?.answer).toContain('jobraft is worse in none.');
  });

  it('names an outage without a fault as an anomaly, with the rounds that give the figure', () => {
    const outage = 'No add was acknowledged before the fault of the leader.';
    const rows = [
      figure('jobraft', 3, 'has it on disk', ADDS, [7, 6, 8]),
      figure('other', 3, 'has it on disk', ADDS, [3, 2, 4]),
      figure('jobraft', 3, 'has it on disk', 'leader killed: last to next acknowledged add', [80, 70, 90]),
      figure('jobraft', 3, 'has it on disk', 'leader kills', [0, 0, 0], outage),
    ];
    const [section] = peersSections([fullHeader, ...rows].join('\n'));
    expect(section?.brief).toMatch(/ jobraft: 1 outage without a fault\.$/);
    expect(section?.terms?.join('\n')).toContain('an outage without a fault: in 1 of 2 rounds of "leader kills"');
    expect(section?.terms?.join('\n')).toContain('the figure is of the other rounds alone, n=2.');
  });

  it('says "a whole core" only from 95 % on', () =>
    expect([undefined, 79.4, 90, 94.9, 95].map(clientText)).toEqual([
      ...['not measured', '79 %', '90 %, which bounds it', '95 %, which bounds it', 'a whole core (95 %), which bounds it'],
    ]));

  it('has a headline of at most 60 words for the published session', () => {
    const [section] = peersSections(readFileSync(join(results, 'peers.csv'), 'utf8'));
    expect(section?.answer?.split(/\s+/).length).toBeLessThanOrEqual(60);
  });

  describe('of a session with tails, the client, two failures of the leader, and four rates', () => {
    const threads = 'a majority of 3 nodes has it on disk. The nodes are threads of one process.';
    const measured = (peer: string, durability: string, figures: Readonly<Record<string, number>>): string[] =>
      Object.entries(figures).map(
        ([measure, value]) =>
          `2026-03-03T00:00:00Z,${peer},1.0,3,"${durability}","${measure}",ms,${value},${value / 2},${value * 2},5,0123456789,true`,
      );
    const client = "processor of the client's process while adding";
    const CLIENT_TITLE = `${client} (% of a core)`;
    const loads = Object.fromEntries(
      [10, 25, 50, 75].flatMap((percent) => [
        [`adds at ${percent} % of its own rate, offered`, percent * 10],
        [`adds at ${percent} % of its own rate, p50`, percent / 10],
        [`adds at ${percent} % of its own rate, p99`, percent / 5],
        [`adds at ${percent} % of its own rate, sender's delay, p50`, 0.5],
      ]),
    );
    const csv = [
      header,
      ...measured('jobraft', threads, {
        'add, one at a time, p50': 1,
        'add, one at a time, p99': 4,
        'add, 64 B, many in flight': 9,
        [client]: 154,
      }),
      ...measured('jobraft', threads, {
        'leader killed: last to next acknowledged add': 30,
        'leader silent: last to next acknowledged add': 310,
        ...loads,
      }),
      ...measured('busy', 'has it on disk', {
        'add, one at a time, p50': 2,
        'add, one at a time, p99': 3,
        'add, 64 B, many in flight': 5,
        [client]: 90,
      }),
      ...measured('idle', 'has it on disk', { [client]: 89.9, 'adds at 10 % of its own rate, p50': 1.25 }),
    ].join('\n');
    const section = peersSection(csv);
    const lines = section.split('\n');
    const cellsOf = (start: string, table: number): string[] =>
      (lines.filter((line) => line.startsWith(`| ${start}`))[table] ?? '').split(' | ').map((cell) => cell.replaceAll(/^\| | \|$/g, ''));

    it('shows p99 beside p50, and each fault of the leader in a column of its own', () => {
      expect(cellsOf('system', 0)).toEqual([
        ...['system', 'nodes', 'synced before the reply', 'one add at a time, p50 (ms)', 'one add at a time, p99 (ms)'],
        ...['adds, many in flight (1/s)', CLIENT_TITLE],
        ...['leader killed, peers see closed channels: gap (ms)', 'leader silent, channels open: gap (ms)'],
      ]);
      expect(cellsOf('**jobraft**', 0).slice(3, 5)).toEqual(['1.00 (0.500–2.00)', '4.00 (2.00–8.00)']);
      expect(cellsOf('**jobraft**', 0).slice(7)).toEqual(['30.0 (15.0–60.0)', '310 (155–620)']);
      expect(cellsOf('busy', 0).slice(7)).toEqual(['–', '–']);
    });

    it('says which systems their client bounds, and that the nodes of jobraft are in its client’s process', () => {
      expect(section).toContain('Bounded by their client, whose process takes 90 % of a core or more: busy.');
      expect(cellsOf('**jobraft**', 0)[6]).toBe('154 (77.0–308), its nodes included');
      expect(cellsOf('busy', 0)[6]).toBe('90.0 (45.0–180)');
    });

    it('is in the report, too: both tables, p99 and the client’s processor, and how jobraft compares', () => {
      const [measures, loads] = peersSections(csv);
      expect(measures?.answer).toBe(
        "Closed loop, synced, 3 nodes: jobraft 9.00, busy 5.00, idle – adds/s. jobraft's nodes are threads in its client's process, others processes behind sockets. Open loop, sustained: jobraft 750, busy none, idle none/s. Bounded by the client: busy (90 %). jobraft is worse in none.",
      );
      expect(measures?.table.header).toEqual(expect.arrayContaining(['one add at a time, p99 (ms)', CLIENT_TITLE]));
      expect(measures?.table.rows.map(([name]) => name)).toEqual(['jobraft', 'busy 1.0', 'idle 1.0']);
      expect(loads?.table.rows.map((cells) => cells.length)).toEqual([5, 5, 5]);
      expect(peersSections(header)).toEqual([]);
    });

    it('has jobraft as processes as one more system, beside its threads', () => {
      const processes = measured('jobraft as processes', 'a majority of 3 nodes has it on disk. Each node is a process.', {
        'add, 64 B, many in flight': 6,
        'leader silent: last to next acknowledged add': 320,
        [client]: 95,
      });
      const both = [csv, ...processes].join('\n');
      const [measures] = peersSections(both);
      expect(measures?.answer).toMatch(
        /^Closed loop, synced, 3 nodes: jobraft 6\.00, busy 5\.00, idle – adds\/s\. All nodes, also jobraft's, are processes/,
      );
      expect(measures?.answer).toContain('Bounded by the client: jobraft (a whole core, 95 %), busy (90 %).');
      expect(measures?.answer).toContain('jobraft is worse in none.');
      expect(measures?.terms?.join(' ')).toContain('"jobraft as processes" is compared with the others');
      expect(measures?.terms?.join(' ')).toContain('those of "jobraft as processes" and of the others are processes');
      expect(measures?.terms?.join(' ')).toContain('In flight: jobraft 4,000, jobraft as processes 4,000, etcd');
      // The version of jobraft is the commit of the session.
      expect(peersSection(both)).toContain('| **jobraft as processes** | 3 | yes | – | – | 6.00 (3.00–12.0) | 95.0 (47.5–190) |');
      expect(peersSection(both)).toContain('a core or more: busy, jobraft as processes.');
      expect(peersSections(csv)[0]?.terms?.join(' ')).not.toContain('as processes');
    });

    it('has jobraft on a shared folder as one more system, and says why a stopped host is not replaced', () => {
      const folder = measured(
        'jobraft on a shared folder',
        'a majority of 3 nodes has it on disk. The nodes are threads of a process that shares a folder.',
        {
          'add, 64 B, many in flight': 7,
          'leader silent: last to next acknowledged add': 5005,
        },
      );
      const [measures] = peersSections([csv, ...folder].join('\n'));
      expect(measures?.answer).toMatch(/: jobraft 9\.00, busy 5\.00, idle – adds\/s/);
      expect(measures?.terms?.join(' ')).toContain('The nodes of "jobraft on a shared folder" are threads of one process');
      expect(measures?.terms?.join(' ')).toContain('In flight: jobraft 4,000, jobraft on a shared folder 4,000, etcd');
      expect(peersSection([csv, ...folder].join('\n'))).toContain('| **jobraft on a shared folder** | 3 | yes |');
      expect(peersSections(csv)[0]?.terms?.join(' ')).not.toContain('shared folder');
    });

    it('has a table of the latency at four rates', () => {
      expect(cellsOf('system', 1)).toEqual(['system', 'at 10 %', 'at 25 %', 'at 50 %', 'at 75 %']);
      expect(cellsOf('**jobraft**', 1).slice(1)).toEqual([
        ...['100/s: 1.00, 2.00 (0.500)', '250/s: 2.50, 5.00 (0.500)', '500/s: 5.00, 10.0 (0.500)', '750/s: 7.50, 15.0 (0.500)'],
      ]);
      expect(cellsOf('idle 1.0', 1)[1]).toBe('–/s: 1.25, – (–)');
      expect(cellsOf('idle 1.0', 1)[2]).toBe('–');
    });
  });
});
