import { describe, expect, it } from 'vitest';
import { PUBLISHED } from '../../eval/measuring/output-folders.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { electionCounts, type MessageSource, messageSources, messagesSection, totalOf } from '../../eval/report/message-sources.ts';
import { aFolder, aRow } from './fixtures.ts';

const source = (change: Partial<MessageSource>): MessageSource => ({
  ...{ source: 'runs', runs: 2, acknowledged: 100, isUnderFaults: false, lost: 0, duplicated: 0, notCompleted: 0 },
  ...change,
});

describe('the messages of an evaluation', () => {
  it('are summed over all sources, and unknown where one source did not count them', () => {
    expect(totalOf([source({ lost: 2 }), source({ lost: 3, notCompleted: 7, runs: 1 })])).toEqual({
      ...{ source: 'total', runs: 3, acknowledged: 200, lost: 5, duplicated: 0, notCompleted: 7 },
    });
    expect(totalOf([source({ lost: 2 }), source({ lost: null })]).lost).toBeNull();
  });

  it('are of the replayed scenarios alone where nothing else was measured, also of invalid runs', () => {
    const rows = [aRow({ lost: 4, valid: false, reason: 'edited' }), aRow({ duplicated: 1, elections: 3 })];
    expect(messageSources({ allRows: rows }, ResultsFolder.at(aFolder()))).toEqual([
      { source: 'replayed scenarios, runs.csv', runs: 2, acknowledged: 200, isUnderFaults: false, lost: 4, duplicated: 1, notCompleted: 0 },
    ]);
    expect(electionCounts({ allRows: rows }, ResultsFolder.at(aFolder()))).toEqual([
      { source: 'replayed scenarios', clusters: 2, elections: 3 },
    ]);
  });

  it('are of every source of the published session, whose rows the table has with their total', () => {
    const results = ResultsFolder.at(PUBLISHED.results);
    const sources = messageSources({ allRows: [aRow()] }, results);
    expect(sources.map((of) => of.source.split(', ').at(-1))).toEqual([
      'runs.csv',
      'load.csv',
      'failover.csv',
      // Of the simulator, of threads, of processes and of a shared folder.
      ...Array.from({ length: 4 }, () => 'survival.csv'),
    ]);
    const { terms, table } = messagesSection({ allRows: [aRow()] }, sources, [
      { source: 'a', clusters: 3, elections: 2 },
      { source: 'b', clusters: 1, elections: 0 },
    ]);
    expect(table.rows).toHaveLength(sources.length + 1);
    expect(table.rows.at(-1)?.[0]).toBe('total');
    expect(terms?.at(-1)).toContain('2 in 4 clusters (a: 2 in 3, b: 0 in 1). Not counted: clusters under faults');
  });

  it('have a denominator, of which each was delivered, is lost, or is undetermined', () => {
    const sources = [source({ notCompleted: 7 }), source({ isUnderFaults: true })];
    expect(messagesSection({ allRows: [aRow()] }, sources, []).answer).toBe(
      'Of 200 acknowledged messages (100 of them in runs with faults) 193 were delivered, 0 are known to be lost, 7 are undetermined; 0 were delivered twice.',
    );
  });

  it('have no total beside a single source', () =>
    expect(messagesSection({ allRows: [aRow()] }, [source({})], []).table.rows).toHaveLength(1));
});
