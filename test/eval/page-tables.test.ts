import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLastSession } from '../../eval/bench/bench-file.ts';
import { readEnvironments } from '../../eval/measuring/environment.ts';
import { packageRoot } from '../../eval/measuring/package-root.ts';
import { benchSection } from '../../eval/report/bench-section.ts';
import { peersSection } from '../../eval/report/peers-section.ts';

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
    expect(lines[2]).toMatch(/^\| \*\*jobraft\*\* \| 3 \| yes \| – \| 50,000 \(49,999–50,001\) \|/);
    expect(lines[3]).toMatch(/^\| quick 1\.0 \| 3 \| \*\*no\*\* \|/);
  });
});
