import { describe, expect, it } from 'vitest';
import { ecdfPoints } from '../../eval/charts/ecdf-panel.ts';
import { electionsCharts } from '../../eval/charts/questions/elections-chart.ts';
import { renderPng, renderSvg } from '../../eval/charts/render-chart.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { formatWithoutLeader, quantileOf, shareWithin, withoutLeaderMs } from '../../eval/questions/elections/election-figures.ts';
import {
  COMPARED_RANGES,
  DELAY_MS,
  type ElectionRow,
  elections,
  LIMIT_MS,
  REAL_RANGES,
  type Variant,
} from '../../eval/questions/elections/elections.ts';
import { type SimulatedElection, simulateElection } from '../../eval/questions/elections/simulated-election.ts';
import { heartbeatMsOf, nameOf, TIMEOUT_RANGES, type TimeoutRange } from '../../eval/questions/elections/timeout-ranges.ts';
import { type Answer, QuestionFile, readAnswer, type SessionFacts } from '../../eval/questions/question-file.ts';
import { electionsSection } from '../../eval/report/questions/elections-section.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';
import { raftConfig } from '../../src/raft/config.ts';
import { aFolder } from './fixtures.ts';

const BOTH = { preVote: true, tieBreak: true };
const PAPER = { preVote: false, tieBreak: false };
const USUAL: TimeoutRange = { minMs: 150, maxMs: 300 };
const EQUAL: TimeoutRange = { minMs: 150, maxMs: 150 };

const trial = (seed: number, overrides: Partial<SimulatedElection> = {}): number | undefined =>
  simulateElection({ timeouts: USUAL, rules: BOTH, logs: 'different', delayMs: DELAY_MS, limitMs: LIMIT_MS, seed, ...overrides });
const trials = (count: number, overrides: Partial<SimulatedElection> = {}): readonly (number | undefined)[] =>
  Array.from({ length: count }, (_, at) => trial(at + 1, overrides));

describe('a simulated election (Raft §9.3)', () => {
  it('is the same for the same seed', () => {
    expect(trials(20)).toEqual(trials(20));
    expect(new Set(trials(20)).size).toBe(20);
  });

  it.each(TIMEOUT_RANGES.map((timeouts) => [nameOf(timeouts), timeouts] as const))(
    'with timeouts of %s ms ends no earlier than the shortest timeout and a round of votes after the heartbeat',
    (_, timeouts) => {
      const earliestMs = timeouts.minMs - heartbeatMsOf(timeouts) + 3 * DELAY_MS.from;
      for (const rules of [BOTH, PAPER])
        for (const ms of trials(50, { timeouts, rules, limitMs: 5000 })) expect(ms ?? earliestMs).toBeGreaterThanOrEqual(earliestMs);
    },
  );

  it('needs randomness without pre-votes and tie-break, as in the paper, and does not with both', () => {
    const electedWithin = (limitMs: number, rules: SimulatedElection['rules'], timeouts: TimeoutRange): number =>
      trials(50, { rules, timeouts, limitMs }).filter((ms) => ms !== undefined).length;
    expect(electedWithin(1000, PAPER, EQUAL)).toBeLessThan(10);
    expect(electedWithin(1000, PAPER, USUAL)).toBe(50);
    expect(electedWithin(1000, BOTH, EQUAL)).toBe(50);
  });

  it('takes longer with logs of different lengths: a node that cannot win may be the first whose timeout passes', () => {
    const medianOf = (logs: SimulatedElection['logs']): number =>
      quantileOf(
        trials(200, { logs }).map((ms) => ms ?? Number.POSITIVE_INFINITY),
        0.5,
      );
    expect(medianOf('different')).toBeGreaterThan(medianOf('equal'));
  });

  it('is given up after the limit', () => expect(trial(1, { limitMs: 10 })).toBeUndefined());

  it('has the paper’s broadcast time: 15 ms until all four replied', () => {
    const random = new SeededRandom(1);
    const oneWay = (): number => random.nextBetween(DELAY_MS.from, DELAY_MS.to);
    const broadcasts = Array.from({ length: 10_000 }, () => Math.max(...Array.from({ length: 4 }, () => oneWay() + oneWay())));
    expect(broadcasts.reduce((sum, ms) => sum + ms, 0) / broadcasts.length).toBeCloseTo(15, 0);
  });
});

describe('the steps of the question', () => {
  const contextOf = (signal: AbortSignal) => ({
    config: loadClusterConfig(undefined, {}),
    dataDir: 'unused',
    seed: 1,
    signal,
    rowsSoFar: [],
  });

  it('cover the ranges of the paper, each once, with timings that a cluster accepts', () => {
    expect(TIMEOUT_RANGES.map(nameOf).sort()).toEqual(
      ['100–200', '12–24', '150–150', '150–151', '150–155', '150–175', '150–200', '150–300', '25–50', '50–100'].sort(),
    );
    expect([REAL_RANGES.length, COMPARED_RANGES.length]).toEqual([5, 4]);
    for (const range of TIMEOUT_RANGES)
      expect(() =>
        raftConfig({ heartbeatMs: heartbeatMsOf(range), electionTimeoutMs: range.minMs, electionTimeoutMaxMs: range.maxMs }),
      ).not.toThrow();
    expect(new Set(elections.steps.map(({ name }) => name)).size).toBe(elections.steps.length);
  });

  it('have a thousand simulated trials for each range', async () => {
    const step = elections.steps.find(({ name }) => name === 'simulated, pre-votes and tie-break, equal logs');
    const rows = (await step?.measure(contextOf(new AbortController().signal))) ?? [];
    expect(Map.groupBy(rows, ({ timeout_min_ms: min, timeout_max_ms: max }) => `${min}–${max}`).size).toBe(REAL_RANGES.length);
    for (const range of REAL_RANGES) expect(withoutLeaderMs(rows, range)).toHaveLength(1000);
    expect(new Set(rows.map(({ trial: number }) => number)).size).toBe(1000);
    for (const row of rows) expect(row).toEqual(elections.row.parse(row));
  });

  it('end early when they are aborted', async () => {
    const simulated = elections.steps.filter(({ name }) => name.startsWith('simulated'));
    for (const { measure } of simulated) expect(await measure(contextOf(AbortSignal.abort()))).toEqual([]);
  });
});

const facts: SessionFacts = { session: 's', commit: '0123456789+dirty', environment: 'e', nodes: 3, durability: 'full' };
const provenance = {
  ...{ session: 's', commit: facts.commit, environment: 'e', session_nodes: 3, durability: 'full', measured: 'now', round: 1, step: 'x' },
  ...{ fdatasync_p50_ms: 1, load_average: null, steal_share: null, other_cpu_share: null },
};

interface Fixture extends Pick<ElectionRow, 'kind' | 'logs'> {
  readonly variant: Variant;
  readonly ranges: readonly TimeoutRange[];
  readonly values: readonly (number | null)[];
}

const rowsOf = ({ kind, logs, variant, ranges, values }: Fixture): readonly ElectionRow[] =>
  ranges.flatMap(({ minMs, maxMs }) =>
    values.map((ms, at) => ({
      ...{ kind, logs, variant, timeout_min_ms: minMs, timeout_max_ms: maxMs, trial: at + 1 },
      elected: ms === null ? 0 : 1,
      without_leader_ms: ms,
    })),
  );

const answerOf = (rows: readonly ElectionRow[]): Answer<ElectionRow> => ({ facts, rows: rows.map((row) => ({ ...provenance, ...row })) });

const FIXTURE: readonly ElectionRow[] = [
  ...rowsOf({
    ...{ kind: 'simulated', logs: 'different', variant: 'pre-votes and tie-break', ranges: TIMEOUT_RANGES },
    values: [110, 120, 200, 400],
  }),
  ...rowsOf({ kind: 'simulated', logs: 'different', variant: 'pre-votes', ranges: COMPARED_RANGES, values: [110, 130, 210, 900] }),
  ...rowsOf({
    kind: 'simulated',
    logs: 'different',
    variant: 'as in the paper',
    ranges: TIMEOUT_RANGES,
    values: [500, 20_000, null, null],
  }),
  ...rowsOf({
    ...{ kind: 'simulated', logs: 'equal', variant: 'pre-votes and tie-break', ranges: REAL_RANGES },
    values: [100, 130, 170, 300],
  }),
  ...rowsOf({ kind: 'real', logs: 'equal', variant: 'pre-votes and tie-break', ranges: REAL_RANGES, values: [140, 180, null] }),
];

describe('the figures of elections', () => {
  it('count a trial that elected no leader as longer than every other', () => {
    expect([0, 0.5, 0.9, 1].map((share) => quantileOf([3, 1, Number.POSITIVE_INFINITY, 2], share))).toEqual([
      1,
      2,
      Number.POSITIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    expect(shareWithin([3, 1, Number.POSITIVE_INFINITY, 2], 2)).toBe(0.5);
    expect([287, Number.POSITIVE_INFINITY].map(formatWithoutLeader)).toEqual(['287', '> 60,000']);
  });

  it('are read back from the CSV as they were measured', () => {
    const results = ResultsFolder.open(aFolder());
    const machine = { loadAverage: null, stealShare: null, otherShare: null };
    QuestionFile.open(results, elections, facts).append({ round: 1, step: 'a', fdatasyncMs: 1, machine }, FIXTURE);
    expect(readAnswer(results, elections)?.rows.map((row) => elections.row.parse(row))).toEqual(FIXTURE);
  });
});

describe('the line of a distribution', () => {
  it('begins at zero, and ends with the share that was elected', () => {
    expect(ecdfPoints([40, 20, Number.POSITIVE_INFINITY, 30], [10, 100])).toEqual([
      { value: 20, share: 0 },
      { value: 20, share: 0.25 },
      { value: 30, share: 0.5 },
      { value: 40, share: 0.75 },
      { value: 100, share: 0.75 },
    ]);
    expect(ecdfPoints([20, 30], [10, 100]).at(-1)).toEqual({ value: 30, share: 1 });
    expect(ecdfPoints([Number.POSITIVE_INFINITY], [10, 100])).toEqual([
      { value: 10, share: 0 },
      { value: 100, share: 0 },
    ]);
  });

  it('has few points, whatever the number of trials, and ends with the worst', () => {
    const points = ecdfPoints(
      Array.from({ length: 1000 }, (_, at) => at + 1),
      [1, 1000],
    );
    expect(points.length).toBeLessThan(110);
    expect(points.at(-1)).toEqual({ value: 1000, share: 1 });
  });
});

describe('the charts of elections', () => {
  const charts = electionsCharts(answerOf(FIXTURE), { font: 'Inter', widthPx: 560 });

  it('have the results as their titles', () => {
    expect(charts.map(({ name, title }) => `${name}: ${title}`)).toEqual([
      'elections: With timeouts of 150 to 300 ms a silent leader is replaced within 120 ms (median), at worst 400 ms, simulated with logs of different lengths',
      'elections-paper: With the paper’s algorithm, a leader is elected within 10 s in 25 % of the trials without randomness, in 25 % with 150 to 300 ms',
      'elections-rules: Timeouts of 150–150 ms elect a leader within a second in 100 % of the trials with pre-votes, with or without the tie-break; in 25 % with neither',
      'elections-real: With timeouts of 150 to 300 ms a silent leader is replaced within 180 ms in a real cluster, 130 ms in a simulated one (medians, equal logs)',
    ]);
  });

  it.each([300, 560])('are drawn %i pixels wide, with commit, trials and the paper’s figures', async (widthPx) => {
    const svgs = await Promise.all(electionsCharts(answerOf(FIXTURE), { font: 'Inter', widthPx }).map(renderSvg));
    for (const svg of svgs) {
      expect(svg).toContain('0123456+dirty');
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
      expect(Buffer.from(renderPng(svg).subarray(1, 4)).toString()).toBe('PNG');
    }
    for (const range of TIMEOUT_RANGES) for (const svg of svgs.slice(0, 2)) expect(svg).toContain(`>${nameOf(range)}</text>`);
    for (const figure of ['median 287 ms', 'worst 513 ms', '35 ms, its mean', 'worst 152 ms', '&gt; 10 s']) {
      expect(svgs[1]).toContain(figure);
      expect(svgs[0]).not.toContain(figure);
    }
    for (const variant of ['both', 'pre-votes', 'neither']) expect(svgs[2]).toContain(`>${variant}</text>`);
    expect(svgs[3]).toContain('>150–300 ms, real</text>');
  });

  it('are left out where their rows were not measured', () => {
    const nameOfCharts = (rows: readonly ElectionRow[]): readonly string[] =>
      electionsCharts(answerOf(rows), { font: 'Inter', widthPx: 560 }).map(({ name }) => name);
    expect(nameOfCharts([])).toEqual([]);
    expect(nameOfCharts(FIXTURE.filter(({ variant }) => variant === 'pre-votes and tie-break'))).toEqual(['elections', 'elections-real']);
    expect(nameOfCharts(FIXTURE.filter(({ kind }) => kind === 'simulated'))).toEqual(['elections', 'elections-paper', 'elections-rules']);
  });
});

describe('the section of elections', () => {
  const { table, charts } = electionsSection(answerOf(FIXTURE));

  it('has median, p90, worst and the share within a second for each range', () => {
    expect(table.rows).toHaveLength(2 * TIMEOUT_RANGES.length + COMPARED_RANGES.length + 2 * REAL_RANGES.length);
    expect(table.rows).toContainEqual([
      ...['simulated', 'as in the paper', 'different', '150–155', '4', '20,000', '> 60,000', '> 60,000', '25.0', '25.0'],
    ]);
    expect(table.rows).toContainEqual([
      ...['real', 'pre-votes and tie-break', 'equal', '50–100', '3', '180', '> 60,000', '> 60,000', '66.7', '66.7'],
    ]);
    for (const row of table.rows) expect(row).toHaveLength(table.header.length);
  });

  it('has every chart', () => {
    const drawn = electionsCharts(answerOf(FIXTURE), { font: 'Inter', widthPx: 560 });
    expect(charts).toEqual(drawn.map(({ name }) => name));
  });
});
