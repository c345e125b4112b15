import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MICRO_HEADER } from '../../eval/charts/micro-chart.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { rebuildBenchPlots } from '../../eval/report/rebuild-bench-plots.ts';
import { aFolder } from './fixtures.ts';

describe('the charts of the benches', () => {
  it('are drawn again from the CSVs alone', async () => {
    const [results, plots] = [ResultsFolder.open(aFolder()), aFolder()];
    const micro = [
      'one job,add,100,waiting jobs,85.5,823.1,2000,0123456789,abcdef01',
      'one job,add,1000,waiting jobs,86,900,2000,0123456789,abcdef01',
    ];
    writeFileSync(results.microFile, `${[MICRO_HEADER.join(','), ...micro].join('\n')}\n`);
    expect(await rebuildBenchPlots(results, plots)).toEqual([join(plots, 'bench-micro.svg')]);
    expect(readdirSync(plots).sort()).toEqual(['bench-micro.png', 'bench-micro.svg', 'bench-micro.vl.json']);
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
