import { describe, expect, it } from 'vitest';
import { PUBLISHED } from '../../eval/measuring/output-folders.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { QuestionFile } from '../../eval/questions/question-file.ts';
import { type SizeRow, size } from '../../eval/questions/size.ts';
import { NOTHING_WATCHED } from '../../eval/questions/used-columns.ts';
import { readLimits } from '../../eval/report/limit-figures.ts';
import { limitSection } from '../../eval/report/limit-section.ts';
import { describeLimit, limitOf } from '../../eval/report/limits.ts';
import { anomalyNote, sizeSection } from '../../eval/report/questions/size-section.ts';
import { answerOfRounds } from './answers.ts';
import { aFolder } from './fixtures.ts';

describe('the cause of a limit', () => {
  it('is every resource of which 90 % are used', () => {
    expect(limitOf({ "leader's thread": 0.9, processors: 0.95, "disk's bytes": 0.89 })).toEqual({
      ...{ exhausted: ["leader's thread", 'processors'], highest: 'processors' },
    });
    expect(describeLimit({ "leader's thread": 0.9, processors: 0.95 })).toBe("leader's thread (90 %), processors (95 %)");
  });

  it('is not determined where nothing reaches that, no thread was watched, or nothing was measured', () => {
    expect(describeLimit({ "leader's thread": 0.86, processors: 0.77 })).toBe(
      "not determined: no measured resource is used to 90 %, the leader's thread comes closest (86 %)",
    );
    expect(describeLimit({ processors: 0.71 })).toBe('not determined: no thread was watched, and no measured resource is used to 90 %');
    expect(describeLimit({ "leader's thread": 0.5, processors: 0.71 })).toMatch(/, the processors come closest \(71 %\)$/);
    expect(describeLimit({})).toBe('not determined: nothing was measured');
  });
});

const machine = { loadAverage: null, stealShare: null, otherShare: null };

const sized = (payload_bytes: number, service_p50_ms: number, perSecond: number): SizeRow => ({
  ...{ subject: 'jobraft', payload_bytes, in_flight: 10, adds_per_s: perSecond, mb_per_s: (perSecond * payload_bytes) / 1e6 },
  ...{ service_p50_ms, service_p99_ms: null, is_steady: 1, ...NOTHING_WATCHED },
});

describe('the section of sizes', () => {
  const usual = [sized(64, 20, 1000), sized(1024, 100, 900), sized(16_384, 120, 500)];

  it('says so where a payload takes much longer than the next larger one, and nothing else', () => {
    expect(anomalyNote(usual)).toBeUndefined();
    const odd = [sized(64, 20, 1000), sized(1024, 276, 900), sized(16_384, 120, 500)];
    expect(anomalyNote(odd)).toMatch(
      /^An anomaly that is not explained: adds of 1 KiB \(900\/s, 0\.92 MB\/s, p50 280 ms with 10 in flight, 1 of 1 rounds steady\) take longer than those of 16 KiB/,
    );
    expect(sizeSection(answerOfRounds([odd])).terms?.at(-1)).toContain('An anomaly');
    expect(sizeSection(answerOfRounds([usual])).terms?.join(' ')).not.toContain('anomaly');
  });

  it('answers with what the largest payload costs', () =>
    expect(sizeSection(answerOfRounds([usual])).answer).toBe(
      'Median rates: 500 adds/s of 16 KiB (8.2 MB/s), half of them acknowledged within 120 ms with 10 in flight (in a closed loop the number in flight divided by the rate); 1,000 adds/s of 64 B (0.064 MB/s). Above 64 B each add also removes a job, once 64 MiB wait.',
    ));
});

describe('the section of limits', () => {
  it('has the rates of the published session with what they use, and names a cause only where one was measured', () => {
    const limits = readLimits(ResultsFolder.at(PUBLISHED.results));
    if (limits === undefined) throw new Error('The question about sizes was not measured.');
    const { answer, table } = limitSection(limits);
    for (const row of table.rows) expect(row).toHaveLength(table.header.length);
    const names = table.rows.map(([payload, load]) => `${payload}, ${load}`);
    expect(names).toEqual(
      expect.arrayContaining(['64 B, adds alone', '64 B, add, claim, complete', '1 KiB, adds alone', '1 MiB, adds alone']),
    );
    for (const payload of ['64 B: ', '1 KiB: ', '1 MiB: ']) expect(answer).toContain(payload);
    // A rate without a steady round, or below that of a longer path, is no limit.
    for (const [at, { steadyRounds, isEstablished }] of limits.loads.entries()) {
      if (steadyRounds === 0) expect(isEstablished).toBe(false);
      expect(table.rows[at]?.[2]?.includes('*')).toBe(!isEstablished);
    }
    for (const { used } of limits.loads) for (const share of Object.values(used)) expect(share).toBeGreaterThan(0);
    // A thread has no more time than all; processors and syncs are shares of what the machine has.
    for (const { used } of limits.loads) for (const share of Object.values(used)) expect(share).toBeLessThan(1.05);
  });

  it('is left out without sizes, and shows a dash where nothing was watched', () => {
    const folder = aFolder();
    expect(readLimits(ResultsFolder.at(folder))).toBeUndefined();
    const rows = [sized(64, 20, 1000)];
    const { facts } = answerOfRounds([rows]);
    QuestionFile.open(ResultsFolder.at(folder), size, facts).append({ round: 1, step: 'all', fdatasyncMs: 1, machine }, rows);
    const limits = readLimits(ResultsFolder.at(folder));
    expect(limits?.loads[0]?.used).toEqual({});
    expect(limits && limitSection(limits).answer).toBe(
      '64 B: 1,000 adds/s (0.064 MB/s); the cause is not determined: nothing was measured.',
    );
    expect(limits && limitSection(limits).table.rows[0]?.slice(-2)).toEqual(['–', 'not determined']);
  });

  it('separates a processor, its queue and the disk where they were measured together with the rate', () => {
    const folder = aFolder();
    const used = {
      ...{ processors_share: 0.6, leader_on_processor: 0.31, leader_ready: 0.12, leader_on_disk: 0.54 },
      ...{ client_on_processor: 0.2, client_ready: 0.1, disk_busy: 0.93, disk_mb_per_s: 300 },
    };
    const disk = { ...sized(1_048_576, 1, 200), subject: 'disk, one file a node' } as const;
    const rows = [
      disk,
      { ...sized(1_048_576, 30, 70), ...used },
      { ...sized(1_048_576, 30, 50), ...used, subject: 'jobraft, completed' as const },
    ];
    const { facts } = answerOfRounds([rows]);
    QuestionFile.open(ResultsFolder.at(folder), size, facts).append({ round: 1, step: 'all', fdatasyncMs: 1, machine }, rows);
    const limits = readLimits(ResultsFolder.at(folder));
    if (limits === undefined) throw new Error('The question about sizes is in the folder.');
    const { answer, brief, table } = limitSection(limits);
    expect(answer).toBe(
      "1 MiB: 70 adds/s (73 MB/s), 50/s added, claimed and completed; exhausted: leader's thread (97 % of its time), disk's time (93 %); the leader's thread is on a processor for 31 % of its time, and waits for one for 12 %, for the disk for 54 %; for comparison: what is written is 48 % of what synced writes of 1 MiB reach.",
    );
    expect(brief).toContain('for the disk for 54 %');
    expect(table.rows.filter(([payload]) => payload === '1 MiB').map((row) => row.slice(-2))).toEqual(
      Array.from({ length: 2 }, () => ['31 on a processor, 12 waiting for one, 54 for the disk', "leader's thread, disk's time"]),
    );
  });
});
