import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { failoverChartNames, failoverCharts } from '../../eval/charts/questions/failover-chart.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';
import type { SendResult } from '../../eval/load/load-plan.ts';
import { longestSilence, longestSilenceMs } from '../../eval/measuring/acknowledgements.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { failover } from '../../eval/questions/failover/failover.ts';
import {
  FAULTS,
  type FailoverRow,
  failoverRows,
  type LeaderFault,
  type NodesAs,
  type SeenFailover,
} from '../../eval/questions/failover/failover-row.ts';
import { expectedMsOf } from '../../eval/questions/question.ts';
import { type Answer, QuestionFile, readAnswer } from '../../eval/questions/question-file.ts';
import { failoverSection } from '../../eval/report/questions/failover-section.ts';
import { answerOf } from './answers.ts';

const FAULT_MS = 50_000;
const LEADER_AFTER_MS = 55;

/** Times since the fault, as `[due, acknowledged]`; NaN without an acknowledgement. */
function seen(fault: LeaderFault, messages: readonly (readonly [number, number])[], lost = 0): SeenFailover {
  const acknowledged = messages.filter(([, atMs]) => !Number.isNaN(atMs)).length;
  const timesOf = (column: 0 | 1): Float64Array => Float64Array.from(messages, (message) => FAULT_MS + message[column]);
  const sent: SendResult = {
    sent: messages.length,
    acknowledged,
    failed: 1,
    unknown: messages.length - acknowledged - 1,
    ...{ startMs: FAULT_MS, lastAcknowledgedMs: FAULT_MS, outcomes: new Uint8Array(messages.length), firstError: undefined },
    ...{ cpuMs: null, loopUtilization: 0 },
    times: { type: 'samples', dueMs: timesOf(0), sentMs: timesOf(0), acknowledgedMs: timesOf(1) },
  };
  const tally = { completed: acknowledged - lost, lost, duplicated: 0, foreign: 0 };
  const times = { faultMs: FAULT_MS, leaderMs: FAULT_MS + LEADER_AFTER_MS, repairedMs: FAULT_MS + 1500 };
  return { fault, nodesAs: 'threads', ...times, elections: 1, sent, tally };
}

/** A message each 5 ms, with a latency of 2 ms, but none is acknowledged for `gapMs` from the fault on; a pause of 40 ms follows at 2 s. */
function aFailover(fault: LeaderFault, gapMs: number, lost = 0): SeenFailover {
  const messages = Array.from({ length: 800 }, (_, at) => {
    const dueMs = -800 + at * 5;
    const atMs = dueMs + 2;
    if (atMs > 0 && atMs < gapMs) return [dueMs, gapMs] as const;
    return [dueMs, atMs > 2000 && atMs < 2040 ? 2040 : atMs] as const;
  });
  return seen(fault, [...messages, [100, Number.NaN], [101, Number.NaN]], lost);
}

type Gaps = Readonly<Record<LeaderFault, readonly number[]>>;

const rowsOfGaps = (gaps: Gaps, nodesAs: NodesAs, lost = 0) =>
  FAULTS.flatMap((fault) =>
    gaps[fault].flatMap((gapMs, at) =>
      failoverRows({ ...aFailover(fault, gapMs, lost), nodesAs }).map((row) => ({ ...row, round: at + 1 })),
    ),
  );

const answerOfGaps = (gaps: Gaps, lost = 0): Answer<FailoverRow> => answerOf(rowsOfGaps(gaps, 'threads', lost));

/** A host cannot be isolated. */
const rowsOfHost = () => rowsOfGaps({ killed: [700], paused: [1600], isolated: [] }, 'shared folder');

/** Both kinds of nodes, with one round of each fault. */
const answerOfBoth = (): Answer<FailoverRow> =>
  answerOf([
    ...rowsOfGaps({ killed: [30], paused: [400], isolated: [300] }, 'threads'),
    ...rowsOfGaps({ killed: [60], paused: [450], isolated: [350] }, 'processes'),
  ]);

describe('the longest silence', () => {
  it('has its two ends; there is none without a later acknowledgement', () => {
    expect(longestSilence([0, 500, 501, 540, 541], 501)).toEqual({ fromMs: 501, toMs: 540 });
    expect(longestSilence([0, 500], 501)).toBeUndefined();
    expect(longestSilenceMs([0, 500], 501)).toBe(0);
  });
});

describe('the rows of one failover', () => {
  const rows = failoverRows(aFailover('paused', 300));
  const [summary] = rows;
  const bins = rows.filter(({ kind }) => kind === 'bin');

  it('are a summary, then bins of 10 ms from -500 ms to 3 s', () => {
    expect(summary).toMatchObject({ kind: 'summary', fault: 'paused', at_ms: null });
    expect(bins.map(({ at_ms }) => at_ms)).toEqual(Array.from({ length: 350 }, (_, bin) => -500 + 10 * bin));
  });

  it('count every acknowledgement in the bin of its time', () => {
    const at = (ms: number) => bins.find(({ at_ms }) => at_ms === ms)?.acknowledged;
    expect([at(-10), at(0), at(290), at(310)]).toEqual([2, 0, 0, 2]);
    // 60 that waited, and the two that were due for this bin.
    expect(at(300)).toBe(62);
  });

  it('have the latency of the messages that were due in a bin, whenever they were acknowledged', () => {
    expect(bins.find(({ at_ms }) => at_ms === 100)).toMatchObject({ acknowledged: 0, latency_max_ms: 200, latency_p50_ms: null });
    expect(bins.find(({ at_ms }) => at_ms === -100)).toMatchObject({ acknowledged: 2, latency_max_ms: 2 });
  });

  it('have the gap of the outage and the later one apart', () => {
    expect(summary).toMatchObject({ gap_ms: 303, gap_from_ms: -3, later_gap_ms: 43, leader_ms: 55, repaired_ms: 1500, elections: 1 });
  });

  it('have the gap until the repair where no other node leads before it', () => {
    const [row] = failoverRows({ ...aFailover('paused', 1510), nodesAs: 'shared folder', leaderMs: undefined });
    expect(row).toMatchObject({ leader_ms: null, gap_ms: 1513, later_gap_ms: 43, repaired_ms: 1500, nodes_as: 'shared folder' });
  });

  it('count outcomes, and the messages that waited longer than 100 ms', () => {
    // Due from -0 ms to 195 ms.
    expect(summary).toMatchObject({ acknowledged: 800, rejected: 1, unknown: 1, lost: 0, late: 40, latency_max_ms: 300 });
  });

  it('count lost messages as the drain found them', () => {
    expect(failoverRows(aFailover('killed', 30, 4))[0]).toMatchObject({ lost: 4 });
  });

  it('need the times of each message', () => {
    const { sent, ...rest } = aFailover('killed', 30);
    expect(() => failoverRows({ ...rest, sent: { ...sent, times: { type: 'histograms', latency: '', lag: '' } } })).toThrow(
      'times of each',
    );
  });
});

describe('the question', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-failover-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('takes at most two minutes for each kind of nodes on an idle machine, with a step for each fault', () => {
    expect(expectedMsOf(failover)).toBeLessThanOrEqual(3 * 120_000);
    expect(failover.steps.map(({ name }) => name)).toEqual([
      ...['leader killed', 'leader paused', 'leader isolated'],
      ...['leader killed, processes', 'leader paused, processes', 'leader isolated, processes'],
      ...['leader killed, shared folder', 'leader paused, shared folder'],
    ]);
  });

  it('reads a CSV that does not say what runs the nodes: they were threads', () => {
    const [row] = answerOfGaps({ killed: [30], paused: [], isolated: [] }).rows;
    const { nodes_as: _, ...before } = row as FailoverRow;
    expect(failover.row.parse(before).nodes_as).toBe('threads');
  });

  it('reads its rows back as they were written', () => {
    const results = ResultsFolder.open(folder);
    const { facts } = answerOfGaps({ killed: [30], paused: [], isolated: [] });
    const rows = failoverRows(aFailover('killed', 30));
    const machine = { loadAverage: null, stealShare: null, otherShare: null };
    QuestionFile.open(results, failover, facts).append({ round: 1, step: 'leader killed', fdatasyncMs: 1, machine }, rows);
    expect(readAnswer(results, failover)?.rows).toEqual(rows.map((row) => expect.objectContaining(row)));
  });
});

const SPEC = z.object({
  vconcat: z.array(z.object({ layer: z.array(z.object({ data: z.object({ values: z.array(z.record(z.string(), z.unknown())) }) })) })),
});

describe('the chart of failovers', () => {
  const answer = answerOfGaps({ killed: [30, 40, 50], paused: [400, 300, 500], isolated: [300, 320, 310] });
  const [chart] = failoverCharts(answer, { font: 'Inter', widthPx: 560 });

  it('states the median gap of each fault', () => {
    expect(chart?.title).toBe(
      'No add is acknowledged for 43 (33–53) ms when the leader is killed, 400 (300–500) ms when it is paused, 310 (300–320) ms when it is isolated',
    );
  });

  it('states losses first', () => {
    const [lossy] = failoverCharts(answerOfGaps({ killed: [30], paused: [400], isolated: [300] }, 2), { font: 'Inter', widthPx: 560 });
    expect(lossy?.title).toMatch(/^6 acknowledged adds are lost; no add is acknowledged for 33/);
  });

  it('shades the gap of the round in the middle, whose line is dark, in one panel for each fault', () => {
    const spec: unknown = chart?.spec;
    const { vconcat } = SPEC.parse(spec);
    expect(vconcat).toHaveLength(3);
    const [shade, faint, dark] = vconcat[1]?.layer.map(({ data }) => data.values) ?? [];
    expect(shade).toEqual([{ fromMs: -3, toMs: 400, series: 'paused' }]);
    expect(new Set(dark?.map(({ round }) => round))).toEqual(new Set([1]));
    expect(new Set(faint?.map(({ round }) => round))).toEqual(new Set([2, 3]));
  });

  it('has one of its own for nodes as processes, which leaves that of threads as it is', () => {
    const style = { font: 'Inter', widthPx: 560 };
    const [threads, processes, ...others] = failoverCharts(answerOfBoth(), style);
    expect(others).toEqual([]);
    expect(threads).toEqual(failoverCharts(answerOfGaps({ killed: [30], paused: [400], isolated: [300] }), style)[0]);
    expect(processes?.name).toBe('failover-processes');
    expect(processes?.title).toBe(
      'No add is acknowledged for 63 ms when the leader, a process, is killed, 450 ms when it is paused, 350 ms when it is isolated',
    );
    expect(JSON.stringify(processes?.spec)).toContain('3 nodes as processes by gRPC on one machine');
    expect(failoverChartNames(answerOfBoth().rows)).toEqual(['failover', 'failover-processes']);
  });

  it('has one of its own for the host of a shared folder', () => {
    const charts = failoverCharts(answerOf([...answerOfBoth().rows, ...rowsOfHost()]), { font: 'Inter', widthPx: 560 });
    expect(charts.map(({ name }) => name)).toEqual(['failover', 'failover-processes', 'failover-shared-folder']);
    const spec = JSON.stringify(charts[2]?.spec);
    expect(charts[2]?.title).toBe(
      'No add is acknowledged for 700 ms when the host of a shared folder is killed, 1,600 ms when it is paused',
    );
    expect(spec).toContain('3 nodes in one of two processes that share a folder');
    expect(spec).toContain('Host killed: gap of 700 ms');
    expect(SPEC.parse(charts[2]?.spec).vconcat).toHaveLength(2);
  });

  it.each([300, 560])('is drawn %i px wide with its counts', async (widthPx) => {
    const [drawn] = failoverCharts(answer, { font: 'Inter', widthPx });
    const svg = await renderSvg(drawn as NonNullable<typeof drawn>);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg).toContain('Leader isolated: gap of 310 (300–320) ms');
    expect(svg.replaceAll(/<[^>]+>/g, ' ')).toMatch(/7,200\s+acknowledged,\s+0 lost/);
  });
});

describe('the section of failovers', () => {
  it('has a row for each measured fault: medians and ranges, and sums of outcomes', () => {
    const { answer, terms, table, charts } = failoverSection(answerOfGaps({ killed: [30, 50], paused: [400], isolated: [] }));
    expect(answer).toContain(
      'no add is acknowledged for 43 (33–53) ms when it is killed (its thread ends, its channels close), 400 ms when it is paused (2 rounds; n = 2 does not sample the election timeouts of 250–500 ms).',
    );
    expect(answer).toContain('Of 2,400 acknowledged adds 0');
    expect(answer).toMatch(/The longest wait of one message in all rounds: [\d.]+ ms \(killed\), [\d.]+ ms \(paused\)/);
    expect(terms?.join(' ')).toContain('the default of 250–500 ms');
    expect(charts).toEqual(['failover']);
    expect(table.rows.map((cells) => cells.length)).toEqual([table.header.length, table.header.length]);
    const [killed, paused] = table.rows.map((cells) => Object.fromEntries(table.header.map((name, at) => [name, cells[at]])));
    expect(killed).toMatchObject({
      Leader: 'killed',
      Gap: '43 (33–53)',
      Acknowledged: '1,600',
      Rejected: '2',
      Unknown: '2',
      Lost: '0',
    });
    expect(paused).toMatchObject({ Leader: 'paused', Gap: '400', Elections: '1' });
  });

  it('orders a paused and an isolated leader only where their ranges do not overlap', () => {
    const answerOfTwo = (isolated: readonly number[]) =>
      failoverSection(answerOfGaps({ killed: [30], paused: [300, 400], isolated })).answer;
    const alike = 'Paused and isolated are not distinguishable: their ranges overlap.';
    expect(answerOfTwo([350, 360])).toContain(alike);
    expect(answerOfTwo([200, 210])).not.toContain(alike);
  });

  it('has threads and processes beside each other, once both were measured', () => {
    const { answer, brief, table, terms, charts } = failoverSection(answerOfBoth());
    expect(brief).toBe(
      'No add is acknowledged for 33 ms when the leader is killed (its thread ends, its channels close), 400 ms when it is paused, 300 ms when it is isolated (nodes as threads); 63 ms when it is killed, 450 ms when it is paused, 350 ms when it is isolated (nodes as processes) (medians of 1 round).',
    );
    expect(answer).toContain('Of 4,800 acknowledged adds 0');
    expect(table.rows.map(([fault, nodes, gap]) => [fault, nodes, gap])).toEqual([
      ...[
        ['killed', 'threads', '33'],
        ['killed', 'processes', '63'],
        ['paused', 'threads', '400'],
      ],
      ...[
        ['paused', 'processes', '450'],
        ['isolated', 'threads', '300'],
        ['isolated', 'processes', '350'],
      ],
    ]);
    expect(table.rows.map((cells) => cells.length)).toEqual(table.rows.map(() => table.header.length));
    expect(terms?.join(' ')).toContain('killed by SIGKILL');
    expect(charts).toEqual(['failover', 'failover-processes']);
  });

  it('has the host of a shared folder as well, which nothing isolates', () => {
    const { brief, table, terms, charts } = failoverSection(answerOf([...answerOfBoth().rows, ...rowsOfHost()]));
    expect(brief).toContain('; 700 ms when it is killed, 1,600 ms when it is paused (host of a shared folder) (medians of 1 round).');
    expect(table.rows.map(([fault, nodes]) => `${fault} ${nodes}`)).toEqual([
      ...['killed threads', 'killed processes', 'killed shared folder'],
      ...['paused threads', 'paused processes', 'paused shared folder', 'isolated threads', 'isolated processes'],
    ]);
    expect(terms?.join(' ')).toContain('no other process takes over, and the gap is as long as the pause');
    expect(charts).toEqual(['failover', 'failover-processes', 'failover-shared-folder']);
  });
});
