import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPeerLoads } from '../../eval/charts/peer-loads.ts';
import { loadCharts } from '../../eval/charts/questions/load-chart.ts';
import { renderSvg } from '../../eval/charts/render-chart.ts';
import { CirculatingLoad } from '../../eval/load/circulating-load.ts';
import { tallyDeliveries } from '../../eval/load/delivery-tally.ts';
import { type LoadThreads, waitForDeliveries } from '../../eval/load/load-threads.ts';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import { capacityOf, type LoadRow, load } from '../../eval/questions/load/load.ts';
import { sustainedOf } from '../../eval/questions/load/load-figures.ts';
import { offerAfterWarmUp } from '../../eval/questions/load/offer-after-warm-up.ts';
import { dueBefore, summarizeOffer } from '../../eval/questions/load/offered-load.ts';
import { expectedMsOf } from '../../eval/questions/question.ts';
import type { Answer } from '../../eval/questions/question-file.ts';
import { loadSection } from '../../eval/report/questions/load-section.ts';
import { FakeClock, fakeTarget } from './fake-target.ts';
import { aFolder } from './fixtures.ts';

const NEVER = new AbortController().signal;

const NOTHING: LoadRow = {
  ...{ rate_share: null, offered_per_s: null, achieved_per_s: 50_000, is_steady: 1, due: 900_000, acknowledged: 900_000, late_share: null },
  ...{ acknowledged_p50_ms: null, acknowledged_p90_ms: null, acknowledged_p99_ms: null, acknowledged_p999_ms: null },
  ...{ completed_p50_ms: null, completed_p90_ms: null, completed_p99_ms: null, completed_p999_ms: null },
  ...{ backlog: null, not_completed: 0, duplicated: 0, changed: 0, elections: 0 },
};

const facts = { session: '2026-01-02T03:04:00.000Z', commit: '0123456789', environment: 'e1', nodes: 3, durability: 'full' };

function aRate(share: number, ms: number, round: number): LoadRow {
  const due = Math.round(share * 1_000_000);
  return {
    ...NOTHING,
    ...{ rate_share: share, offered_per_s: share * 50_000, achieved_per_s: share * 50_000, is_steady: null },
    ...{ due, acknowledged: due, late_share: 0, backlog: 0 },
    ...{ acknowledged_p50_ms: ms + round / 10, acknowledged_p90_ms: 2 * ms, acknowledged_p99_ms: 4 * ms, acknowledged_p999_ms: 9 * ms },
    ...{ completed_p50_ms: 2 * ms, completed_p90_ms: 4 * ms, completed_p99_ms: 8 * ms, completed_p999_ms: 18 * ms },
  };
}

/** Three rounds of the capacity and of five rates. @param change of the rows of a round. */
function anAnswer(change: (row: LoadRow, round: number) => LoadRow = (row) => row): Answer<LoadRow> {
  const rows = [1, 2, 3].flatMap((round) => {
    const rates = [0.1, 0.2, 0.5, 0.8, 0.95].map((share) => aRate(share, 1 / (1.05 - share), round));
    return [NOTHING, ...rates].map((row) => ({
      ...change(row, round),
      ...{ session: facts.session, commit: facts.commit, environment: facts.environment, session_nodes: 3, durability: 'full' },
      ...{ measured: facts.session, round, step: String(row.rate_share) },
      ...{ fdatasync_p50_ms: 0.3, load_average: 1, steal_share: 0, other_cpu_share: 0 },
    }));
  });
  return { facts, rows };
}

describe('the plan of the question of load', () => {
  it('is the capacity and eight rates, three rounds in eleven minutes', () => {
    expect(load.steps.map(({ name }) => name)).toEqual(['capacity', '10 %', '20 %', '35 %', '50 %', '65 %', '80 %', '90 %', '95 %']);
    expect(expectedMsOf(load)).toBeLessThan(11 * 60_000);
  });

  it('takes its rates from the first capacity of the session, and has none without it', () => {
    const later = { ...NOTHING, achieved_per_s: 60_000 };
    expect(capacityOf([NOTHING, aRate(0.1, 1, 1), later])).toBe(50_000);
    expect(() => capacityOf([aRate(0.1, 1, 1)])).toThrow('no capacity');
    expect(() => capacityOf([{ ...NOTHING, achieved_per_s: 0 }])).toThrow('no capacity');
  });

  it('has the arrivals of the schedule that the sender has', () => {
    const due = dueBefore({ type: 'poisson', ratePerSecond: 1000, seed: 3 }, 2000);
    expect(due[0]).toBe(0);
    expect(due.at(-1)).toBeLessThan(2000);
    expect(due.length).toBeGreaterThan(1800);
    expect(due.length).toBeLessThan(2200);
    expect(dueBefore({ type: 'fixed', everyMs: 10 }, 30)).toEqual([0, 10, 20]);
  });
});

describe('the figures of an offered rate', () => {
  /** A message a millisecond for 2.2 s, acknowledged after 2 ms and completed after 5 ms. */
  function offered() {
    const dueMs = dueBefore({ type: 'fixed', everyMs: 1 }, 2200);
    const later = (ms: number) => Float64Array.from(dueMs, (due) => 500 + due + ms);
    return { startMs: 500, dueMs, sentMs: later(0.5), acknowledgedMs: later(2), completedMs: later(5) };
  }
  const window = { fromMs: 200, untilMs: 2200 };

  it('are of the messages that were due in the window, from when they were due', () => {
    const figures = summarizeOffer(offered(), window);
    expect(figures).toMatchObject({ due: 2000, acknowledged: 2000, lateShare: 0 });
    expect(figures.acknowledgement.p99Ms).toBeCloseTo(2, 1);
    expect(figures.completion.p50Ms).toBeCloseTo(5, 1);
    // Too few samples.
    expect(figures.completion.p999Ms).toBeNull();
    // Five of the window are completed after it, and five from before in it.
    expect(figures.achievedPerSecond).toBe(1000);
  });

  it('count completions when they happen: a backlog is no achievement', () => {
    const slow = offered();
    slow.completedMs.set(slow.dueMs.map((due) => 500 + 2 * due));
    expect(summarizeOffer(slow, window).achievedPerSecond).toBe(500);
  });

  it('count a message as late that left late, or never', () => {
    const late = offered();
    for (let message = 300; message < 320; message += 1) late.sentMs[message] = 500 + message + 25;
    for (let message = 400; message < 410; message += 1) late.sentMs[message] = Number.NaN;
    // Outside of the window.
    late.sentMs[10] = Number.NaN;
    expect(summarizeOffer(late, window).lateShare).toBe(30 / 2000);
  });

  it('have no percentile that falls on a message without a reply', () => {
    const overloaded = offered();
    for (let message = 1000; message < 1100; message += 1) overloaded.acknowledgedMs[message] = Number.NaN;
    const { acknowledged, acknowledgement } = summarizeOffer(overloaded, window);
    expect(acknowledged).toBe(1900);
    expect(acknowledgement.p90Ms).toBeCloseTo(2, 1);
    expect(acknowledgement.p99Ms).toBeNull();
  });
});

describe('a load in circulation', () => {
  it('sends as fast as messages are completed, and never has more unfinished than allowed', async () => {
    const clock = new FakeClock();
    let most = 0;
    let added = 0;
    const target = fakeTarget(
      {
        onAdd: () => {
          added += 1;
          most = Math.max(most, threads.sender.sent - threads.consumer.delivered);
          if (added === 500) void circulation.stop();
        },
      },
      clock,
    );
    const system = await target.start({ dataDir: '', logsDir: '', seed: 1 });
    const threads = await system.openLoadThreads();
    const options = { queue: 'messages', payloadBytes: 8, payloadSeed: 1, messages: 100_000 };
    await threads.consumer.begin({ ...options, concurrency: 1 });
    const circulation = new CirculatingLoad(threads, { ...options, unfinishedMax: 7 });
    circulation.start();
    const sent = await circulation.sent();
    await waitForDeliveries(threads, sent.acknowledged, { msMax: 1000, signal: NEVER, clock });
    expect(most).toBe(7);
    expect(sent.sent).toBeGreaterThanOrEqual(500);
    expect(sent.sent).toBeLessThan(520);
    expect(tallyDeliveries(sent, await threads.consumer.end())).toEqual({ completed: sent.sent, lost: 0, duplicated: 0, foreign: 0 });
    expect(circulation.isEnded()).toBe(true);
  });

  it('waits for what is missing no longer than it may', async () => {
    const clock = new FakeClock();
    const startMs = clock.nowMs();
    const consumer = { delivered: 3 } as Parameters<typeof waitForDeliveries>[0]['consumer'];
    expect(await waitForDeliveries({ consumer }, 3, { msMax: 50, signal: NEVER, clock })).toBe(true);
    expect(await waitForDeliveries({ consumer }, 4, { msMax: 50, signal: NEVER, clock })).toBe(false);
    expect(clock.nowMs() - startMs).toBe(50);
    expect(await waitForDeliveries({ consumer }, 4, { msMax: 50, signal: AbortSignal.abort(), clock })).toBe(false);
  });
});

const style = { font: 'Inter', widthPx: 560 };
const PEERS = [
  { peer: 'etcd', offeredPerSecond: 900, p50Ms: { value: 3, low: 2, high: 4 }, p99Ms: { value: 9, low: 8, high: 11 } },
  { peer: 'etcd', offeredPerSecond: 4000, p50Ms: { value: 5, low: 4, high: 6 }, p99Ms: undefined },
  { peer: 'jobraft', offeredPerSecond: 90_000, p50Ms: { value: 2, low: 2, high: 2 }, p99Ms: { value: 6, low: 5, high: 7 } },
];

/** One round of 80 % completes less than 98 % of it. */
const overloaded = () => anAnswer((row, round) => (row.rate_share === 0.8 && round === 2 ? { ...row, achieved_per_s: 39_199 } : row));

describe('an offered rate after its warm-up', () => {
  const plan = {
    ...{ schedule: { type: 'fixed', everyMs: 10 } as const, warmUpMs: 100, measuredMs: 200, backlogMsMax: 50, overtimeMs: 50 },
    ...{ payloadBytes: 8, payloadSeed: 1, concurrency: 1 },
  };
  async function offer(change: (threads: LoadThreads, queue: () => string) => LoadThreads = (threads) => threads) {
    const clock = new FakeClock();
    const target = fakeTarget({}, clock);
    const system = await target.start({ dataDir: '', logsDir: '', seed: 1 });
    const threads = await system.openLoadThreads();
    const queues: string[] = [];
    const { consumer } = threads;
    const begin: typeof consumer.begin = (options) => {
      queues.push(options.queue);
      return consumer.begin(options);
    };
    const watched = { ...threads, sender: threads.sender, consumer: Object.assign(Object.create(consumer), { begin }) };
    return {
      queues,
      clock,
      offered: await offerAfterWarmUp(
        change(watched, () => queues.at(-1) ?? ''),
        plan,
        NEVER,
        clock,
      ),
    };
  }

  it('begins when what was sent in the warm-up is completed, in a queue of its own', async () => {
    const { queues, offered } = await offer();
    expect(queues).toEqual(['warm-up', 'messages']);
    expect(offered).toMatchObject({ backlog: 0, tally: { lost: 0, duplicated: 0, foreign: 0 } });
    expect(offered.figures).toMatchObject({ due: 20, acknowledged: 20 });
  });

  it('has a backlog where the wait for that ended, and is then not sustained', async () => {
    const { offered } = await offer((threads, queue) => ({
      ...threads,
      consumer: Object.assign(Object.create(threads.consumer), {
        // Nothing of the warm-up is completed.
        begin: (options: Parameters<typeof threads.consumer.begin>[0]) =>
          threads.consumer.begin(options.queue === 'warm-up' ? { ...options, queue: 'another one' } : options),
        end: async () => {
          const result = await threads.consumer.end();
          return queue() === 'another one' ? { ...result, completions: result.completions.map(() => 0) } : result;
        },
      }),
    }));
    expect(offered.backlog).toBe(10);
  });
});

describe('a sustained rate', () => {
  it('is completed to 98 % in every round, as are all rates below it', () => {
    const sharesOf = (answer: Answer<LoadRow>) => {
      const { highest, beyond } = sustainedOf(answer.rows);
      return [highest?.[0]?.rate_share, beyond[0]?.[0]?.rate_share];
    };
    expect(sharesOf(anAnswer())).toEqual([0.95, undefined]);
    expect(sharesOf(overloaded())).toEqual([0.5, 0.8]);
    const just = anAnswer((row) => (row.rate_share === 0.8 ? { ...row, achieved_per_s: 39_200 } : row));
    expect(sharesOf(just)).toEqual([0.95, undefined]);
    expect(sharesOf(anAnswer((row) => ({ ...row, achieved_per_s: 1 })))).toEqual([undefined, 0.1]);
  });
});

describe('the chart of the load', () => {
  it('states what is sustained, and what happens beyond it', () => {
    expect(loadCharts(anAnswer(), style, [])[0]?.title).toBe('47,500 msg/s are completed as offered in 3 of 3 rounds, 99 % within 80 ms');
    expect(loadCharts(overloaded(), style, [])[0]?.title).toBe(
      '25,000 msg/s are completed as offered in 3 of 3 rounds, 99 % within 15 ms; 40,000/s in 2 of 3 rounds, 47,500/s in 3 of 3 rounds',
    );
    const never = anAnswer((row) => (row.rate_share === null ? row : { ...row, achieved_per_s: 1, completed_p50_ms: null }));
    expect(loadCharts(never, style, [])[0]?.title).toBe(
      'No rate is sustained in all rounds: 5,000/s in 0 of 3 rounds, 10,000/s in 0 of 3 rounds, 25,000/s in 0 of 3 rounds, 40,000/s in 0 of 3 rounds, 47,500/s in 0 of 3 rounds',
    );
  });

  it.each([
    [300, []],
    [560, PEERS],
  ])('is drawn %i px wide, with two panels and its basis', async (widthPx, peers) => {
    const charts = loadCharts(anAnswer(), { ...style, widthPx }, peers);
    expect(charts).toHaveLength(1);
    const [chart] = charts;
    if (chart === undefined) throw new Error('There is no chart.');
    const svg = await renderSvg(chart);
    for (const text of ['p50 (ms', 'p99 (ms', 'jobraft, completed', '3 rounds', '3 nodes in one']) expect(svg).toContain(text);
    for (const text of ['etcd (socket)', 'jobraft, adds alone']) expect(svg.includes(text)).toBe(peers.length > 0);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('has no point where a round has no value, and says when steps were late', () => {
    const broken = anAnswer((row, round) =>
      row.rate_share === 0.8 && round === 1 ? { ...row, completed_p99_ms: null, late_share: 0.2 } : row,
    );
    const spec = JSON.stringify(loadCharts(broken, style, [])[0]?.spec);
    expect(spec).toContain('In 1 of the 15 rounds of the 5 rates');
    const pointsAt = (text: string): number => text.split('"x":40000').length - 1;
    expect(pointsAt(JSON.stringify(loadCharts(anAnswer(), style, [])[0]?.spec)) - pointsAt(spec)).toBe(1);
  });

  it('is empty when only the capacity was measured', () => {
    const { rows } = anAnswer();
    expect(loadCharts({ facts, rows: rows.filter(({ rate_share }) => rate_share === null) }, style, [])).toEqual([]);
  });
});

describe('the loads of the peers', () => {
  const HEADER = 'session,peer,nodes,durability,measure,value,low,high,environment,valid';
  const line = (session: string, peer: string, figure: string, value: number, change: Partial<Record<string, string>> = {}): string => {
    const cells = { nodes: '3', durability: 'a majority has it on disk', environment: 'e1', valid: 'true', percent: '25', ...change };
    const measure = `"adds at ${cells.percent} % of its own rate, ${figure}"`;
    return [session, peer, cells.nodes, cells.durability, measure, value, value - 1, value + 1, cells.environment, cells.valid].join(',');
  };
  function read(lines: readonly string[]) {
    const results = ResultsFolder.open(aFolder());
    writeFileSync(results.peersFile, `${[HEADER, ...lines].join('\n')}\n`);
    return readPeerLoads(results, { environment: 'e1', nodes: 3 });
  }

  it('are of the last session, ascending by rate', () => {
    const loads = read([
      line('1', 'etcd', 'offered', 100),
      line('2', 'etcd', 'offered', 500, { percent: '75' }),
      line('2', 'etcd', 'p50', 8, { percent: '75' }),
      line('2', 'etcd', 'offered', 200),
      line('2', 'etcd', 'p50', 4),
      line('2', 'etcd', 'p99', 9),
      line('2', 'etcd', "sender's delay, p99", 1),
    ]);
    expect(loads).toMatchObject([
      { peer: 'etcd', offeredPerSecond: 200, p50Ms: { value: 4, low: 3, high: 5 }, p99Ms: { value: 9 } },
      { peer: 'etcd', offeredPerSecond: 500, p50Ms: { value: 8 }, p99Ms: undefined },
    ]);
  });

  it('are none of other machines, cluster sizes or durabilities, and none of what failed or was not measured', () => {
    expect(read([line('1', 'etcd', 'offered', 100), line('1', 'etcd', 'p50', 4)])).toHaveLength(1);
    for (const change of [{ environment: 'e2' }, { nodes: '1' }, { durability: 'in the page cache' }, { valid: 'false' }])
      expect(read([line('1', 'etcd', 'offered', 100, change), line('1', 'etcd', 'p50', 4, change)])).toEqual([]);
    expect(readPeerLoads(ResultsFolder.open(aFolder()), { environment: 'e1', nodes: 3 })).toEqual([]);
  });
});

describe('the section of the load', () => {
  const rowOf = (answer: Answer<LoadRow>, name: string): readonly string[] =>
    loadSection(answer).table.rows.find(([first]) => first === name) ?? [];

  it('has the capacity, then each rate, with medians of the rounds', () => {
    const { title, table, charts } = loadSection(anAnswer());
    expect(title).toBe(load.asks);
    expect(charts).toEqual(['load']);
    expect(table.rows.map(([name]) => name)).toEqual(['capacity', '5,000', '10,000', '25,000', '40,000', '47,500']);
    for (const cells of table.rows) expect(cells).toHaveLength(table.header.length);
    expect(rowOf(anAnswer(), 'capacity').slice(0, 7)).toEqual(['capacity', '–', '50,000', '3', '–', '2,700,000', '–']);
    expect(rowOf(anAnswer(), '25,000').slice(1, 9)).toEqual(['50', '25,000', '3', '3 of 3', '1,500,000', '2.0 (1.9–2.1)', '3.6', '7.3']);
  });

  it('names the capacity of which each rate is a share, beside the median of the rounds', () => {
    const answer = anAnswer((row, round) => (row.rate_share === null && round > 1 ? { ...row, achieved_per_s: 40_000 } : row));
    const { note, table } = loadSection(answer);
    expect(table.rows.at(-1)?.slice(0, 2)).toEqual(['47,500', '119']);
    expect(note).toContain('40,000 (40,000–50,000) msg/s in fresh clusters; the offered rates were chosen by the first.');
    expect(note).not.toContain('overload');
  });

  it('answers with what is sustained, and what happens beyond it', () => {
    const { answer } = loadSection(overloaded());
    expect(answer).toMatch(
      /^25,000 msg\/s were sustained in 3 of 3 rounds, 50 % of the median capacity of 50,000 msg\/s: .* completed within 3\.6 ms \(p50\) and 15 ms \(p99\)/,
    );
    expect(answer).toContain('Above it: at 40,000 msg/s in 2 of 3, at 47,500 msg/s in 3 of 3.');
    expect(rowOf(overloaded(), '40,000')[4]).toBe('2 of 3');
  });

  it('has no latency of a rate whose warm-up left a backlog', () => {
    const draining = anAnswer((row) => (row.rate_share === 0.95 ? { ...row, backlog: 10 } : row));
    const section = loadSection(draining);
    expect(section.answer).toMatch(/^40,000 msg\/s were sustained .* Above it: at 47,500 msg\/s in 0 of 3\.$/);
    expect(section.terms?.join(' ')).toContain('or the step is not sustained');
    expect(rowOf(draining, '47,500').slice(4, 12)).toEqual(['0 of 3', '2,850,000', ...Array.from({ length: 6 }, () => 'backlog')]);
    const [chart] = loadCharts(draining, style, []);
    expect(JSON.stringify(chart?.spec)).toContain('×: not sustained in all rounds, so that the latency is not steady');
  });

  it('has no figure without late rounds where all were late', () => {
    const answer = anAnswer((row) => (row.rate_share === 0.5 ? { ...row, late_share: 0.3 } : row));
    expect(rowOf(answer, '25,000')[12]).toBe('3 of 3: no round without');
  });

  it('shows what is missing, late, not steady, and how often something was lost', () => {
    const answer = anAnswer((row, round) => {
      if (round !== 2) return row;
      if (row.rate_share === null) return { ...row, is_steady: 0 };
      if (row.rate_share !== 0.5) return row;
      return { ...row, late_share: 0.3, acknowledged: row.due - 5, acknowledged_p99_ms: null, not_completed: 7, elections: 1 };
    });
    expect(rowOf(answer, 'capacity')[2]).toBe('50,000 (1 of 3 not steady)');
    const half = rowOf(answer, '25,000');
    expect(half[5]).toBe('1,499,995 of 1,500,000');
    expect(half[8]).toBe('–');
    expect(half.slice(12)).toEqual(['1 of 3; without them p50 2.0, p99 7.3 ms', '1', '7', '0', '0']);
  });
});
