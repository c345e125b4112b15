import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkHistory } from '../../src/history/checkers/check-history.ts';
import { FUNCTIONS } from '../../src/history/functions.ts';
import type { HistoryEvent, Json } from '../../src/history/history.ts';
import { type Choice, isModelled, ReferenceRun } from './reference-run.ts';
import { problemsOf } from './script.ts';

const anyFunction = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('add' as const, 'claim' as const) },
  { weight: 6, arbitrary: fc.constantFrom(...FUNCTIONS.filter(isModelled)) },
);

const aChoice = (spreadMs: number, fates: readonly Choice['fate'][]): fc.Arbitrary<Choice> =>
  fc.record({
    f: anyFunction,
    pick: fc.nat(20),
    pauseMs: fc.oneof({ weight: 9, arbitrary: fc.nat(5) }, { weight: 1, arbitrary: fc.constant(400) }),
    beforeMs: fc.nat(spreadMs),
    afterMs: fc.nat(spreadMs),
    fate: fc.constantFrom(...fates),
  });

function historyOf(choices: readonly Choice[]): HistoryEvent[] {
  const run = new ReferenceRun();
  for (const choice of choices) run.perform(choice);
  run.drain();
  return run.events();
}

/** The model's clock is the history's. */
const check = (events: readonly HistoryEvent[]) => checkHistory(events, { clockErrorMs: 0, queueStepsMax: 20_000 });

/** @returns whether every checker finished. */
function mustPass(choices: readonly Choice[]): boolean {
  const report = check(historyOf(choices));
  expect(problemsOf(report)).toBe('');
  return report.ok;
}

const RUNS = 150;

describe('histories of the reference model pass every checker', () => {
  it('one operation after the other', () => {
    const choices = fc.array(aChoice(0, ['answered']), { maxLength: 40, size: 'max' });
    fc.assert(fc.property(choices, mustPass), { numRuns: RUNS });
  });

  it('with operations that overlap', () => {
    const choices = fc.array(aChoice(8, ['answered']), { maxLength: 30, size: 'max' });
    fc.assert(fc.property(choices, mustPass), { numRuns: RUNS });
  });

  it('with operations of unknown outcome, executed or not', () => {
    const fates = ['answered', 'answered', 'answered', 'answered', 'unanswered', 'never'] as const;
    let decided = 0;
    const choices = fc.array(aChoice(3, fates), { maxLength: 20, size: 'max' });
    fc.assert(
      fc.property(choices, (chosen) => {
        if (mustPass(chosen)) decided += 1;
      }),
      { numRuns: RUNS },
    );
    // Many claims of unknown outcome make some of them too hard; most must be decided.
    expect(decided).toBeGreaterThan(0.9 * RUNS);
  });
});

const workload: fc.Arbitrary<readonly Choice[]> = fc.array(aChoice(0, ['answered']), { minLength: 5, maxLength: 25 }).map((choices) => [
  // At least some operations to change.
  ...choices,
  ...(['add', 'add', 'claim', 'claim', 'complete'] as const).map(
    (f): Choice => ({ f, pick: 1, pauseMs: 0, beforeMs: 0, afterMs: 0, fate: 'answered' }),
  ),
]);

/** Changes one thing in the history, if there is one of that kind. */
interface Mutation {
  readonly what: string;
  readonly mutate: (events: readonly HistoryEvent[], pick: number) => HistoryEvent[] | undefined;
}

const isOk = (f: string) => (event: HistoryEvent) => event.type === 'ok' && event.f === f;
const jobsIn = (event: HistoryEvent): readonly Readonly<Record<string, Json>>[] =>
  (event.value as { readonly jobs: readonly Readonly<Record<string, Json>>[] }).jobs;

/** Replaces one of the events that `matches`. */
function replaceOne(
  events: readonly HistoryEvent[],
  matches: (event: HistoryEvent) => boolean,
  pick: number,
  change: (event: HistoryEvent) => HistoryEvent[],
): HistoryEvent[] | undefined {
  const places = events.flatMap((event, at) => (matches(event) ? [at] : []));
  const place = places[pick % Math.max(1, places.length)];
  if (place === undefined) return undefined;
  return events.flatMap((event, at) => (at === place ? change(event) : [event])).map((event, index) => ({ ...event, index }));
}

const MUTATIONS: readonly Mutation[] = [
  {
    what: 'a claimed job that was not added',
    mutate: (events, pick) =>
      replaceOne(
        events,
        (event) => isOk('claim')(event) && jobsIn(event).length > 0,
        pick,
        (event) => [
          { ...event, value: { jobs: jobsIn(event).map((job, at) => (at === 0 ? { ...job, job: 9_999, key: 'unknown' } : job)) } },
        ],
      ),
  },
  {
    what: 'a completion twice',
    mutate: (events, pick) =>
      replaceOne(events, isOk('complete'), pick, (event) => {
        const invoke = events.find(({ process }) => process === event.process) as HistoryEvent;
        const again = { process: 1_000_000, time: event.time };
        return [event, { ...invoke, ...again }, { ...event, ...again }];
      }),
  },
  {
    what: 'a completion that is reported as failed',
    mutate: (events, pick) =>
      replaceOne(events, isOk('complete'), pick, (event) => [{ ...event, type: 'fail', value: { error: 'LEASE_LOST' } }]),
  },
  {
    what: 'an add that is reported as failed',
    mutate: (events, pick) => replaceOne(events, isOk('add'), pick, (event) => [{ ...event, type: 'fail', value: { error: 'NO_LEADER' } }]),
  },
  {
    what: 'a token that was given out before',
    mutate: (events, pick) =>
      replaceOne(
        events,
        (event) => isOk('claim')(event) && jobsIn(event).some(({ token }) => Number(token) > 1),
        pick,
        (event) => [{ ...event, value: { jobs: jobsIn(event).map((job) => ({ ...job, token: Number(job.token) - 1 })) } }],
      ),
  },
  {
    what: 'an attempt more',
    mutate: (events, pick) =>
      replaceOne(
        events,
        (event) => isOk('claim')(event) && jobsIn(event).length > 0,
        pick,
        (event) => [{ ...event, value: { jobs: jobsIn(event).map((job) => ({ ...job, attempt: Number(job.attempt) + 1 })) } }],
      ),
  },
  {
    what: 'a stall more',
    mutate: (events, pick) =>
      replaceOne(
        events,
        (event) => isOk('claim')(event) && jobsIn(event).length > 0,
        pick,
        (event) => [{ ...event, value: { jobs: jobsIn(event).map((job) => ({ ...job, stalls: Number(job.stalls) + 1 })) } }],
      ),
  },
  {
    what: 'jobs begun that were claimed ahead, and the other way round',
    mutate: (events, pick) =>
      replaceOne(
        events,
        (event) => isOk('claim')(event) && jobsIn(event).length > 0,
        pick,
        (event) => [{ ...event, value: { jobs: jobsIn(event).map((job) => ({ ...job, isBegun: job.isBegun !== true })) } }],
      ),
  },
  {
    what: 'a job in another state',
    mutate: (events, pick) =>
      replaceOne(events, isOk('getJob'), pick, (event) => [{ ...event, value: { state: stateAfter(event), token: 0 } }]),
  },
  {
    what: 'a job more in the counts',
    mutate: (events, pick) =>
      replaceOne(events, isOk('counts'), pick, (event) => {
        const counts = event.value as Readonly<Record<string, number>>;
        return [{ ...event, value: { ...counts, completed: (counts.completed ?? 0) + 1 } }];
      }),
  },
  {
    what: 'a listed job that was not added',
    mutate: (events, pick) =>
      replaceOne(events, isOk('jobIds'), pick, (event) => [{ ...event, value: { ids: [9_999, ...idsIn(event).slice(1)] } }]),
  },
  {
    what: 'a job that is listed twice',
    mutate: (events, pick) =>
      replaceOne(
        events,
        (event) => isOk('jobIds')(event) && idsIn(event).length > 0,
        pick,
        (event) => [{ ...event, value: { ids: [...idsIn(event), ...idsIn(event).slice(0, 1)] } }],
      ),
  },
  {
    what: 'a job that is not found at the end',
    mutate: (events, pick) =>
      replaceOne(
        events,
        (event) => isOk('getJob')(event) && stateIn(event) !== null,
        pick,
        (event) => [{ ...event, value: { state: null } }],
      ),
  },
];

const idsIn = (event: HistoryEvent): readonly number[] => (event.value as { readonly ids: readonly number[] }).ids;
const stateIn = (event: HistoryEvent): Json => (event.value as { readonly state: Json }).state;
const stateAfter = (event: HistoryEvent): string => (stateIn(event) === 'completed' ? 'waiting' : 'completed');

describe('a history of the reference model is rejected with', () => {
  it.each(MUTATIONS)('$what', ({ mutate }) => {
    let mutated = 0;
    fc.assert(
      fc.property(workload, fc.nat(50), (choices, pick) => {
        const events = mutate(historyOf(choices), pick);
        fc.pre(events !== undefined);
        mutated += 1;
        expect(check(events ?? []).verdicts.map(({ result }) => result)).toContain('violation');
      }),
      { numRuns: 60 },
    );
    expect(mutated).toBeGreaterThanOrEqual(60);
  });
});
