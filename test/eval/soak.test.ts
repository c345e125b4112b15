import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AFTERMATH_MS, electionsIn, FaultTimes, unexplainedElections } from '../../eval/soak/elections.ts';
import { JobAudit, type JobProblem } from '../../eval/soak/job-audit.ts';
import { Load } from '../../eval/soak/load.ts';
import type { MachineMoment } from '../../eval/soak/machine-load.ts';
import { planOf } from '../../eval/soak/plan.ts';
import { resultOf } from '../../eval/soak/processing.ts';
import { summaryOf } from '../../eval/soak/summary.ts';
import type { Job } from '../../src/client/api/job.ts';
import { encodeValue } from '../../src/client/payload.ts';
import type { Verdict } from '../../src/history/checkers/verdict.ts';
import { HistoryRecorder } from '../../src/history/history.ts';
import { type ClusterEndpoint, JobraftError } from '../../src/index.ts';
import { aJob } from '../client/a-job.ts';

describe('the plan of a soak', () => {
  const kinds = (seconds: number, seed: number): Set<string> => new Set(planOf(seconds, seed).map(({ type }) => type));

  it.each([1, 2, 3])('of 60 s has every kind of step, with every remedy, for any seed (%i)', (seed) => {
    const plan = planOf(60, seed);
    expect([...kinds(60, seed)].sort()).toEqual(
      [
        'calm',
        'delay',
        'drop',
        'foreign-folder',
        'full-disk',
        'isolate',
        'kill-leader',
        'kill-process',
        'partition',
        'pause',
        'resize',
        'rolled-back-folder',
        'stuck-node',
        'transfer',
      ].sort(),
    );
    const remedies = plan.flatMap((step) => ('remedy' in step ? `${step.type} ${step.remedy}` : []));
    expect(new Set(remedies)).toEqual(
      new Set(['stuck-node restart', 'stuck-node replace', 'stuck-node free', 'full-disk start-nodes', 'full-disk restart-process']),
    );
    expect(new Set(plan.flatMap((step) => (step.type === 'foreign-folder' ? step.isPutBack : [])))).toEqual(new Set([true, false]));
  });

  it('is the same for the same seed, and another one for another', () => {
    expect(planOf(60, 1)).toEqual(planOf(60, 1));
    expect(planOf(60, 1)).not.toEqual(planOf(60, 2));
  });

  it('of some seconds has only steps that are short', () => {
    expect([...kinds(4, 7)].sort()).toEqual(['kill-leader', 'kill-process', 'partition', 'pause']);
  });
});

/** A folder of logs in which nodes campaign. */
function aLogFolder(...candidacies: readonly { readonly node: number; readonly term: number; readonly atMs: number }[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-soak-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const { node, term, atMs } of candidacies) {
    const event = { time: new Date(atMs).toISOString(), event: 'role', node, term };
    const lines = [
      { ...event, role: 'pre-candidate' },
      { ...event, role: 'candidate' },
      { ...event, role: 'leader' },
    ];
    // A kill may tear the last line.
    const text = `${lines.map((line) => JSON.stringify(line)).join('\n')}\n{"event":"role","role":"candidate"`;
    writeFileSync(join(folder, `node-${node}.log`), text);
  }
  return folder;
}

describe('elections in a soak', () => {
  const START_MS = Date.UTC(2026, 0, 1);
  const IDLE: MachineMoment = { timerLateMs: 3, othersShare: 0.1 };
  const machine = (moment: MachineMoment) => ({ before: () => moment });

  beforeEach(() => void vi.useFakeTimers({ now: START_MS, toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());

  /** A fault of one second, beginning at the start. */
  async function aFault(): Promise<FaultTimes> {
    const faults = new FaultTimes();
    await faults.during(async () => void vi.setSystemTime(START_MS + 1_000));
    return faults;
  }

  it('are counted by term, from the candidates in the logs', () => {
    const folder = aLogFolder(
      { node: 1, term: 5, atMs: START_MS + 7 },
      { node: 2, term: 5, atMs: START_MS },
      { node: 3, term: 4, atMs: 9 },
    );
    expect(electionsIn(folder)).toEqual([
      { term: 4, nodes: [3], atMs: 9 },
      { term: 5, nodes: [1, 2], atMs: START_MS },
    ]);
  });

  it('are explained by a fault until its aftermath is over', async () => {
    const faults = await aFault();
    const during = aLogFolder({ node: 1, term: 5, atMs: START_MS + 1_000 + AFTERMATH_MS });
    expect(unexplainedElections(during, faults, machine(IDLE))).toEqual({ described: [], count: 0 });
    const later = aLogFolder({ node: 1, term: 5, atMs: START_MS + 1_001 + AFTERMATH_MS });
    expect(unexplainedElections(later, faults, machine(IDLE))).toMatchObject({
      described: [expect.stringMatching(/term 5, node 1 .*: nothing explains it; .* 3 ms late, other processes used 10 %/)],
      count: 1,
    });
  });

  it.each([{ timerLateMs: 125 }, { othersShare: 0.51 }])('are shown and not counted where the machine was busy: %j', async (busy) => {
    const later = aLogFolder({ node: 1, term: 5, atMs: START_MS + 60_000 });
    expect(unexplainedElections(later, await aFault(), machine({ ...IDLE, ...busy }))).toMatchObject({
      described: [expect.stringMatching(/the machine was busy/)],
      count: 0,
    });
  });

  it('are looked for in the time that no fault takes', async () => {
    const faults = await aFault();
    vi.setSystemTime(START_MS + 20_000);
    await faults.during(async () => void vi.setSystemTime(START_MS + 21_000));
    expect(faults.freeMs(START_MS - 500, START_MS + 40_000)).toBe(500 + 14_000 + 14_000);
  });
});

describe('the audit of jobs in a soak', () => {
  const problems: JobProblem[] = [];
  const audit = (): JobAudit => new JobAudit((problem) => problems.push(problem));
  afterEach(() => void problems.splice(0));

  const aDeadLetter = (source: { state: 'failed' | 'completed'; failedReason?: string; result?: Uint8Array }): Job<string> =>
    aJob<string>({ id: 7, queueName: 'kept', attemptsMade: 1, attemptsMax: 3, name: 'job', data: 'key-1', ...source });

  it.each(['failed on purpose, try again', 'failed on purpose, for good'])('accepts a dead letter for the reason %s', (failedReason) => {
    const jobs = audit();
    jobs.onRead(aDeadLetter({ state: 'failed', failedReason }));
    expect(problems).toEqual([]);
    expect(jobs.deadLetters).toBe(1);
  });

  it('reports a dead letter for any other reason, once', () => {
    const jobs = audit();
    for (let read = 0; read < 2; read += 1) jobs.onRead(aDeadLetter({ state: 'failed', failedReason: 'job stalled more than allowed' }));
    expect(problems).toMatchObject([{ kind: 'dead-letter', job: '7', what: expect.stringMatching(/stalled more than/) }]);
  });

  it('reports an attempt that failed for any other reason', () => {
    audit().onFailed(aDeadLetter({ state: 'failed' }), new Error('The thread could not be started'));
    expect(problems).toMatchObject([{ kind: 'attempt', job: '7' }]);
  });

  it('reports a result that is not the job’s own', () => {
    const jobs = audit();
    jobs.onRead(aDeadLetter({ state: 'completed', result: encodeValue(resultOf('key-1')).slice() }));
    expect(problems).toEqual([]);
    jobs.onRead(aDeadLetter({ state: 'completed', result: encodeValue(resultOf('key-2')).slice() }));
    expect(problems).toMatchObject([{ kind: 'result', job: '7' }]);
  });
});

describe('the load of a soak', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  it('pauses before it asks again what earlier processes left, where calls are rejected at once', async () => {
    const LOOKS_MAX = 1_000;
    let looks = 0;
    // No node runs, which every call finds out at once.
    const cluster: ClusterEndpoint = {
      nodeIds: () => {
        looks += 1;
        if (looks > LOOKS_MAX) throw new Error(`asked ${looks} times without a pause`);
        return [1, 2, 3];
      },
      openChannel: () => undefined,
    };
    const recorder = new HistoryRecorder({ nowUs: () => 0, onEvent: () => undefined });
    const audit = new JobAudit(() => undefined);
    const load = new Load(cluster, { recorder, addsPerSecond: 1, seed: 1, audit, life: 1 });
    const unfinished = load.unfinished();
    const rejected = expect(unfinished).rejects.toBeInstanceOf(JobraftError);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(looks).toBeGreaterThan(1);
    const closed = load.close();
    await vi.advanceTimersByTimeAsync(1_000);
    await Promise.all([closed, rejected]);
  });
});

describe('the summary of a soak', () => {
  const run = {
    steps: new Map(),
    sizes: [3],
    seconds: 1,
    processes: 1,
    deadLetters: 0,
    deadLettersWithoutCause: 0,
    elections: { described: [], count: 0 },
    calmSeconds: 0,
    failures: [],
  };
  const accounting = { acknowledged: 0, unknown: 0, unknownFound: 0, lost: 0, duplicated: 0, unexpected: 0 };
  const summaryWith = (verdict: Verdict): string =>
    summaryOf(run, { ok: verdict.ok, operations: 734, accounting, verdicts: [verdict] }, 0)
      .split('\n')
      .at(-1) ?? '';

  it.each([
    ['yes (734 operations)', 'ok', 0, undefined],
    ['yes (12 queues, 734 operations)', 'ok', 0, { objects: 'queues', count: 12, unknown: 0 }],
    ['unknown for 1 of 12 queues (734 operations)', 'unknown', 0, { objects: 'queues', count: 12, unknown: 1 }],
    ['violation, unknown for 1 of 12 queues (734 operations, 2 problems)', 'violation', 2, { objects: 'queues', count: 12, unknown: 1 }],
  ] as const)('says of a check: %s', (words, result, problemCount, searches) => {
    const verdict = { checker: 'linearizable queue', ok: result === 'ok', result, problems: [], problemCount, checked: 734, searches };
    expect(summaryWith(verdict).split(/ {2,}/)).toEqual(['check: linearizable queue', words]);
  });
});
