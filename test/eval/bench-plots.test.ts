import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BenchFile } from '../../eval/bench/bench-file.ts';
import { CURVE } from '../../eval/bench/node-curve.ts';
import { MICRO_HEADER } from '../../eval/charts/micro-chart.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { rebuildBenchPlots } from '../../eval/report/rebuild-bench-plots.ts';
import { aFolder } from './fixtures.ts';

const FACTS = { session: 'one', commit: '0123456789', environment: 'abcdef01', nodes: 3, durability: 'full' };

describe('the charts of the benches', () => {
  it('are drawn again from the CSVs alone', async () => {
    const [results, plots] = [ResultsFolder.open(aFolder()), aFolder()];
    const rates = [1, 3, 5].map((nodes) => ({ figure: CURVE.rate, unit: '/s', value: 100_000 / nodes, nodes }) as const);
    BenchFile.open(results.benchFile, FACTS, () => undefined).append(1, rates, '');
    const micro = [
      'one job,add,100,waiting jobs,85.5,823.1,2000,0123456789,abcdef01',
      'one job,add,1000,waiting jobs,86,900,2000,0123456789,abcdef01',
    ];
    writeFileSync(results.microFile, `${[MICRO_HEADER.join(','), ...micro].join('\n')}\n`);
    const charts = ['bench-node-curve', 'bench-micro'];
    expect(await rebuildBenchPlots(results, plots)).toEqual(charts.map((name) => join(plots, `${name}.svg`)));
    expect(readdirSync(plots).sort()).toEqual(charts.flatMap((name) => [`${name}.png`, `${name}.svg`, `${name}.vl.json`]).sort());
  });

  it('are left out where nothing was measured', async () => {
    const plots = aFolder();
    expect(await rebuildBenchPlots(ResultsFolder.open(aFolder()), plots)).toEqual([]);
    expect(readdirSync(plots)).toEqual([]);
  });

  it('name a file that is not what it should be', async () => {
    const results = ResultsFolder.open(aFolder());
    writeFileSync(results.microFile, 'a,b\n1,2\n');
    await expect(rebuildBenchPlots(results, aFolder())).rejects.toThrow(/micro\.csv cannot be read .* Run "npm run bench:micro" again/s);
  });
});
