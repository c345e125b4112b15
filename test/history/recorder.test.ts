import { describe, expect, it } from 'vitest';
import { formatEvent, type HistoryEvent, HistoryRecorder } from '../../src/history/history.ts';
import { operationsOf } from '../../src/history/operation.ts';
import { parseHistory } from '../../src/history/parse-history.ts';
import { aClaim, aJob } from './script.ts';

function aRecorder(options: { readonly firstProcess?: number; readonly firstIndex?: number } = {}) {
  let nowUs = 0;
  return new HistoryRecorder({ nowUs: () => (nowUs += 10), ...options });
}

const textOf = (events: readonly HistoryEvent[]): string => events.map((event) => `${formatEvent(event)}\n`).join('');

describe('a recorder', () => {
  it('gives each call a free process, and never one that lost a reply', () => {
    const recorder = aRecorder();
    const first = recorder.invoke('add', aJob(1));
    const second = recorder.invoke('add', aJob(2));
    first.ok({ job: 1 });
    recorder.invoke('getJob', { job: 1 }).fail('JOB_NOT_FOUND');
    second.info('DEADLINE');
    recorder.invoke('claim', aClaim());
    recorder.invoke('claim', aClaim());
    expect(recorder.events.map(({ process, type, f }) => `${process} ${type} ${f}`)).toEqual([
      '0 invoke add',
      '1 invoke add',
      '0 ok add',
      '0 invoke getJob',
      '0 fail getJob',
      '1 info add',
      '0 invoke claim',
      '2 invoke claim',
    ]);
  });

  it('keeps the first outcome of a call', () => {
    const recorder = aRecorder();
    const call = recorder.invoke('complete', { job: 1, token: 1 });
    call.ok(null);
    call.info('DEADLINE');
    expect(recorder.events.map(({ type }) => type)).toEqual(['invoke', 'ok']);
  });

  it('continues the history of a killed one', () => {
    const earlier = aRecorder();
    earlier.invoke('add', aJob(1));
    const later = aRecorder({ firstProcess: 1_000, firstIndex: earlier.events.length });
    later.invoke('add', aJob(2)).ok({ job: 2 });
    const operations = operationsOf([...earlier.events, ...later.events]);
    expect(operations.map(({ process, outcome, invokedAt, returnedAt }) => [process, outcome, invokedAt, returnedAt])).toEqual([
      [0, 'info', 0, Number.POSITIVE_INFINITY],
      [1_000, 'ok', 1, 2],
    ]);
  });

  it('writes what the parser reads', () => {
    const recorder = aRecorder();
    recorder.invoke('claim', aClaim()).ok({ jobs: [{ job: 1, key: 'job-1', token: 3, attempt: 1 }] });
    recorder.invoke('fail', { job: 1, token: 3, retry: false }).fail('LEASE_LOST');
    expect(parseHistory(textOf(recorder.events))).toEqual(recorder.events);
  });
});

describe('the parser', () => {
  const line = (fields: object): string =>
    `${JSON.stringify({ process: 0, type: 'invoke', f: 'counts', value: { queue: 'q' }, time: 1, index: 0, ...fields })}\n`;
  const reply = (fields: object): string => line({ type: 'ok', value: {}, index: 1, ...fields });

  it.each([
    ['no JSON', 'Line 1 of the history: no JSON: "{oops".', '{oops\n'],
    ['no object', 'Line 1 of the history: no object: "[1]".', '[1]\n'],
    ['an unknown type', 'type is "done". Use one of invoke, ok, fail, info.', line({ type: 'done' })],
    ['an unknown function', 'f is "push". Use one of add, extend,', line({ f: 'push' })],
    ['a missing process', 'process is missing. Give a whole number.', line({ process: undefined })],
    ['an index that does not grow', 'Line 2 of the history: index 0 follows index 0.', line({}) + line({ process: 1 })],
    ['time that goes back', 'time 0 follows time 1.', line({}) + reply({ time: 0 })],
    ['a reply without a call', 'process 0 gets a reply to counts, but its open call is none.', reply({})],
    ['a reply to another call', 'its open call is counts.', line({}) + reply({ f: 'add' })],
    ['a process with two calls', 'process 0 calls counts while its counts is open.', line({}) + line({ index: 1 })],
    ['a process that goes on after an info', 'Give it a new number.', line({}) + reply({ type: 'info' }) + line({ index: 2 })],
    ['a torn last line', 'Line 2 of the history: it has no end.', `${line({})}{"proc`],
  ])('rejects %s', (_what, message, text) => {
    expect(() => parseHistory(text)).toThrow(message);
  });

  it('drops a torn last line on request, and skips empty ones', () => {
    expect(parseHistory(`${line({})}\n{"proc`, { tornTail: 'drop' })).toHaveLength(1);
  });
});

describe('the operations of a history', () => {
  const event = (fields: Partial<HistoryEvent>): HistoryEvent => ({
    process: 0,
    type: 'invoke',
    f: 'add',
    value: {},
    time: 0,
    index: 0,
    ...fields,
  });

  it.each([
    ['a call', 'the call of add has key = undefined, which should be a key.', [event({ value: { queue: 'q' } })]],
    ['a call of the wrong kind', 'the call of add is null, not an object.', [event({ value: null })]],
    [
      'a result',
      'the result of add has job = "1", which should be a number.',
      [event({ value: { key: 1, queue: 'q' } }), event({ type: 'ok', value: { job: '1' } })],
    ],
    [
      'a claimed job',
      'a job in the result of claim has token = undefined',
      [
        event({ f: 'claim', value: { queue: 'q', countMax: 1, leaseMs: 1 } }),
        event({ f: 'claim', type: 'ok', value: { jobs: [{ job: 1, key: 1 }] } }),
      ],
    ],
    [
      'a state',
      'the result of getJob has the state "lost".',
      [event({ f: 'getJob', value: { job: 1 } }), event({ f: 'getJob', type: 'ok', value: { state: 'lost' } })],
    ],
  ])('are rejected when the shape is wrong: %s', (_what, message, events) => {
    expect(() => operationsOf(events)).toThrow(message);
  });
});
