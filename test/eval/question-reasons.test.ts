import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reasonsCharts } from '../../eval/charts/questions/reasons-chart.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';
import { expectedMsOf } from '../../eval/questions/question.ts';
import { growthRows } from '../../eval/questions/reasons/growth-step.ts';
import { partsOf, withOneEntryACommit } from '../../eval/questions/reasons/one-entry-a-commit.ts';
import { reasons } from '../../eval/questions/reasons/reasons.ts';
import { electionsOf, type ReasonsRow } from '../../eval/questions/reasons/reasons-row.ts';
import { GROWING, VARIANT_NAMES, VARIANTS } from '../../eval/questions/reasons/variants.ts';
import { WholeFileDisk } from '../../eval/questions/reasons/whole-file-disk.ts';
import { reasonsSection } from '../../eval/report/questions/reasons-section.ts';
import { asIndex } from '../../src/base/ids.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { describeSnapshots } from '../storage/snapshot-conformance.ts';
import { describeNodeStorage } from '../storage/storage-conformance.ts';
import { aHardState, anEntry, appendOf, aSnapshot, DISK, entriesUpTo, KINDS, type TestDisk } from '../storage/storage-fixtures.ts';
import { answerOfRounds } from './answers.ts';

const openWhole = (folder: string): NodeStorage => openMemoryStorage({ recordKinds: KINDS, disk: new WholeFileDisk(folder, DISK) });

function wholeFileDisk(): TestDisk {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-whole-log-'));
  return { open: () => openWhole(folder), discard: () => rmSync(folder, { recursive: true, force: true }) };
}

describeNodeStorage('the whole log rewritten', wholeFileDisk);
describeSnapshots('the whole log rewritten', wholeFileDisk);

describe('the whole log rewritten', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-whole-log-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const bytesOf = () => ['log-0', 'log-1'].map((name) => statSync(join(folder, name)).size);
  /** Appends entries 1 to `count`, each in a write of its own. */
  const appendOneByOne = (count: number): void => {
    using storage = openWhole(folder);
    for (const entry of entriesUpTo(1, count)) storage.persist({ append: appendOf([entry]) });
  };

  it('writes all entries with each one', () => {
    appendOneByOne(10);
    const [few, more] = bytesOf().sort((a, b) => a - b);
    appendOneByOne(0);
    using storage = openWhole(folder);
    for (const entry of entriesUpTo(11, 20)) storage.persist({ append: appendOf([entry]) });
    expect(Math.min(...bytesOf())).toBeGreaterThan(1.8 * (few ?? Number.NaN));
    expect((more ?? Number.NaN) - (few ?? Number.NaN)).toBeLessThan(100);
  });

  it('falls back to the write before when the last one is incomplete', () => {
    appendOneByOne(10);
    const [first = 0, second = 0] = bytesOf();
    const last = first > second ? 'log-0' : 'log-1';
    truncateSync(join(folder, last), Math.max(first, second) - 1);
    using storage = openWhole(folder);
    expect(storage.load().entries).toEqual(entriesUpTo(1, 9));
    storage.persist({ append: appendOf([anEntry(10, { term: 2 })]) });
    expect(storage.load().entries).toHaveLength(10);
  });
});

describe('one entry a commit', () => {
  const checkpoint = { snapshot: aSnapshot(1), changes: [] };

  it('has term and vote in the first part, and what covers the entries in the last', () => {
    const entries = entriesUpTo(5, 7);
    const parts = partsOf({ hardState: aHardState(3, 1), append: appendOf(entries), checkpoint, compactTo: asIndex(1) });
    expect(parts).toEqual([
      { hardState: aHardState(3, 1), append: { from: 5, entries: entries.slice(0, 1) } },
      { append: { from: 6, entries: entries.slice(1, 2) } },
      { append: { from: 7, entries: entries.slice(2) }, checkpoint, compactTo: 1 },
    ]);
  });

  it('writes the same in several commits', () => {
    const [disk, plain] = [new MemoryDisk(DISK), new MemoryDisk(DISK)];
    using split = withOneEntryACommit(openMemoryStorage({ disk, recordKinds: KINDS }));
    using whole = openMemoryStorage({ disk: plain, recordKinds: KINDS });
    disk.isSynced = false;
    for (const storage of [split, whole]) {
      storage.persist({ hardState: aHardState(1, 2), append: appendOf(entriesUpTo(1, 5)) });
      storage.persist({ append: appendOf(entriesUpTo(3, 4, 2)) });
    }
    expect(split.load()).toEqual(whole.load());
    expect(disk.unsyncedWrites).toBe(7);
  });

  it('leaves a write of fewer than two entries as it is', () => {
    const batches = [{ hardState: aHardState(3) }, { append: { from: asIndex(4), entries: [] } }, { append: appendOf(entriesUpTo(4, 4)) }];
    for (const batch of batches) expect(partsOf(batch)).toEqual([batch]);
  });
});

describe('the steps of the question about reasons', () => {
  it('measure each variant, and the growth of two of them', () => {
    expect(VARIANTS.map(({ name }) => name)).toEqual(VARIANT_NAMES);
    expect(reasons.steps.map(({ name }) => name)).toEqual([...VARIANT_NAMES, ...GROWING.map((name) => `growth, ${name}`)]);
    expect(expectedMsOf(reasons)).toBeLessThan(6.5 * 60_000);
  });

  it('give a row for each 25 adds in their order', () => {
    const tookMs = Array.from({ length: 60 }, (_, at) => (at < 25 ? 2 : 4));
    const shared = { variant: 'whole log rewritten', kind: 'growth', payload_bytes: 640, in_flight: 1, is_steady: 1, elections: 3 };
    expect(growthRows({ name: 'whole log rewritten' }, tookMs, 3)).toEqual([
      { ...shared, first_add: 1, last_add: 25, adds_per_s: 500, p50_ms: 2 },
      { ...shared, first_add: 26, last_add: 50, adds_per_s: 250, p50_ms: 4 },
    ]);
    expect(growthRows({ name: 'whole log rewritten' }, [], 0)).toEqual([]);
  });
});

const RATES = [200_000, 190_000, 60_000, 2000, 20_000, 260_000];

function rowsOf(factor: number): ReasonsRow[] {
  const shared = { payload_bytes: 64, first_add: 1, last_add: 2, elections: 0 };
  const rates = VARIANT_NAMES.flatMap((variant, at): ReasonsRow[] => {
    const is_steady = variant === 'whole log rewritten' ? 0 : 1;
    const perSecond = (RATES[at] ?? 0) * factor;
    return [
      { ...shared, variant, kind: 'rate', in_flight: 4000, adds_per_s: perSecond, p50_ms: 20, is_steady },
      { ...shared, variant, kind: 'alone', in_flight: 1, adds_per_s: 2000, p50_ms: 0.5 * factor, is_steady: 1 },
    ];
  });
  const growth = GROWING.flatMap((name) =>
    growthRows(
      { name },
      Array.from({ length: 1000 }, (_, at) => (name === 'jobraft as it is' ? 0.5 : 1 + at / 100)),
      1,
    ),
  );
  return [...rates, ...growth];
}

describe('the charts of the question about reasons', () => {
  it.each([300, 560])('have the results in their titles, units, and the mark of the original (%i px)', async (widthPx) => {
    const [bars, growth] = reasonsCharts(answerOfRounds([rowsOf(1), rowsOf(1.2), rowsOf(1.1)]), { font: 'Inter', widthPx });
    if (bars === undefined || growth === undefined) throw new Error('there are rows to draw');
    expect(bars.title).toBe(
      'Batching at both levels makes it 100 (100–100) times as fast as at neither; many commands an entry alone 95 (95–95) times, group commit alone 30 (30–30) times',
    );
    expect(growth.title).toBe(
      'Where each add rewrites the whole log, an add goes from 1.1 to 11 ms within 1,000 messages; in jobraft, which appends, from 0.50 to 0.50 ms',
    );
    const drawn = await renderSvg(bars);
    for (const text of [...VARIANT_NAMES, '(1/s, log scale)', '(ms, log scale)', '>22,000*<', '>220,000<', '0123456'])
      expect(drawn).toContain(text);
    const lines = await renderSvg(growth);
    for (const text of ['message 475, for orientation', '>475<', 'on another machine', 'Crashed around 475', ...GROWING])
      expect(lines).toContain(text);
    for (const svg of [drawn, lines]) expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('leave out what was not measured', () => {
    const charts = reasonsCharts(answerOfRounds([rowsOf(1).slice(0, 2)]), { font: 'Inter', widthPx: 560 });
    expect(charts.map(({ title }) => title)).toEqual(['Rates with and without what makes it fast']);
  });
});

describe('the section of the question about reasons', () => {
  it('has a row for each variant, and the time of an add where the original stopped', () => {
    const { answer, terms, table, charts } = reasonsSection(answerOfRounds([rowsOf(1), rowsOf(1.2), rowsOf(1.1)]));
    expect(answer).toContain(
      'ratios in 3 rounds: both 100 (100–100) times, many commands an entry alone 95 (95–95) times, group commit alone 30 (30–30) times.',
    );
    expect(answer).toContain(
      'slower by a factor of 3.3 (3.3–3.3); without group commit the difference is not distinguishable from that between rounds: 1.1 (1.1–1.1); by round 190,000–230,000 adds/s without it',
    );
    const apart = rowsOf(1).map((row) => (row.variant === 'group commit off' ? { ...row, adds_per_s: 100_000 } : row));
    expect(reasonsSection(answerOfRounds([apart])).answer).toContain('without group commit by 2.0 (2.0–2.0); by round 100,000–100,000');
    expect(charts).toEqual(['reasons', 'reasons-growth']);
    expect(table.rows.map(([variant]) => variant)).toEqual(VARIANT_NAMES);
    expect(table.rows[0]).toEqual(['jobraft as it is', '220,000 (200,000–240,000)', '1.0', '3', '3 of 3', '0.55 (0.50–0.60)', '3']);
    expect(table.rows[4]).toEqual(['whole log rewritten', '22,000* (20,000–24,000)', '0.10', '3', '0 of 3', '0.55 (0.50–0.60)', '3']);
    expect(terms?.join(' ')).toContain(
      'jobraft as it is 0.50, 0.50, 0.50 ms; whole log rewritten 1.1, 5.6, 11 ms (medians of the rounds).',
    );
    for (const row of table.rows) expect(row).toHaveLength(table.header.length);
  });

  it('takes the ratios within each round, and names what was steady in none', () => {
    const drifting = [1, 2, 4].map((factor) => rowsOf(factor));
    const unsteady = drifting.map((rows) => rows.map((row) => (row.variant === 'jobraft as it is' ? { ...row, is_steady: 0 } : row)));
    const { answer, brief, table } = reasonsSection(answerOfRounds(unsteady));
    expect(answer).toContain('both 100 (100–100) times');
    for (const text of [answer, brief]) expect(text).toMatch(/Not steady in any round: jobraft as it is\.$/);
    expect(table.rows[0]?.[1]).toMatch(/^400,000\* \(/);
  });

  it('counts the elections of a cluster once, though each of its rows has them', () => {
    const row = (round: number, step: string, elections: number) => ({ round, step, elections });
    expect(electionsOf([row(1, 'a', 1), row(1, 'a', 2), row(2, 'a', 1), row(2, 'b', 0)])).toEqual({ clusters: 3, elections: 3 });
  });
});
