import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MICRO_HEADER } from '../../eval/charts/micro-chart.ts';
import { PROFILE_HEADER } from '../../eval/charts/profile-chart.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { benchCharts } from '../../eval/report/bench-charts.ts';
import { timeSections } from '../../eval/report/time-section.ts';
import { aFolder } from './fixtures.ts';

describe('the charts of the benches', () => {
  it('are drawn from the CSVs alone, and their titles state what they show', () => {
    const results = ResultsFolder.open(aFolder());
    const micro = [
      'one job,add,100,waiting jobs,85.5,823.1,2000,0123456789,abcdef01',
      'one job,add,1000,waiting jobs,86,900,2000,0123456789,abcdef01',
      'one entry,encode,1,adds,1031,1900,2000,0123456789,abcdef01',
    ];
    writeFileSync(results.microFile, `${[MICRO_HEADER.join(','), ...micro].join('\n')}\n`);
    const profile = ['leader,frames and ports,1', 'leader,client,5', 'leader,idle,4', 'main thread,client,9'];
    const rows = profile.map((row) => `adds of 1 MiB,${row},c,m`);
    writeFileSync(results.profileFile, `${[PROFILE_HEADER.join(','), ...rows].join('\n')}\n`);
    expect(benchCharts(results).map(({ name, csv, title }) => [name, csv, title])).toEqual([
      ['bench-micro', 'micro.csv', 'At their smallest size the parts cost 85.5 ns (add, one job) to 1,031 ns (encode, one entry)'],
      ['bench-profile', 'profile.csv', 'The leader\'s thread spends 50 % of its time in "adds of 1 MiB" on client'],
    ]);
    const [section] = timeSections(results);
    expect(section?.table.rows).toEqual([['adds of 1 MiB', '60', 'client 50; frames and ports 10']]);
    expect(section?.brief).toBe('The leader\'s thread is active for at most 60 % of its time ("adds of 1 MiB"), most of it in client.');
  });

  it('are left out where nothing was measured', () => {
    const results = ResultsFolder.open(aFolder());
    expect(benchCharts(results)).toEqual([]);
    expect(timeSections(results)).toEqual([]);
  });

  it('name a file that is not what it should be', () => {
    const results = ResultsFolder.open(aFolder());
    writeFileSync(results.microFile, 'a,b\n1,2\n');
    expect(() => benchCharts(results)).toThrow(/micro\.csv cannot be read .* Run "npm run bench:micro" again/s);
  });
});
