import { describe, expect, it } from 'vitest';
import { JobraftError } from '../../src/base/errors.ts';
import { Client, type ClientOptions } from '../../src/client/api/client.ts';
import { addOptionsOf } from '../../src/client/api/job-options.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { readConsistency } from '../../src/client/api/read-options.ts';
import { UnknownOptionError } from '../../src/client/errors.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { clusterSettings } from '../../src/cluster/cluster-options.ts';
import { FakeCluster } from './fake-cluster.ts';

const connection = new FakeCluster();
/** A value that JavaScript lets a caller pass, and TypeScript does not. */
type Odd = never;

/** All functions with options, in one group of names or several. */
const TAKERS: Readonly<Record<string, (options: Readonly<Record<string, unknown>>) => unknown>> = {
  'a job': (options) => addOptionsOf(options as Odd),
  'a backoff': (options) => addOptionsOf({ backoff: { type: 'fixed', delay: 1, ...options } as Odd }),
  'a queue': (options) => new Queue('q', { connection, ...options } as Odd),
  'the jobs of a queue': (options) => new Queue('q', { connection, defaultJobOptions: options as Odd }),
  'a worker': (options) => new Worker('q', () => 1, { connection, autorun: false, ...options } as Odd),
  'a client': (options) => new Client(connection, options as ClientOptions),
  'a reading': (options) => readConsistency(options as Odd),
  'a cluster': (options) => clusterSettings({ nodes: 1, storage: 'memory', ...options } as Odd),
  "a cluster's raft": (options) => clusterSettings({ nodes: 1, storage: 'memory', raft: options as Odd }),
  "a cluster's limits": (options) => clusterSettings({ nodes: 1, storage: 'memory', limits: options as Odd }),
  "a cluster's logs": (options) => clusterSettings({ nodes: 1, storage: 'memory', logs: { dir: 'x', ...options } as Odd }),
};

const PROMISE = Promise.resolve(3);
const BAD_VALUES: readonly unknown[] = [
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  2 ** 70,
  -(2 ** 70),
  '',
  '3',
  'text\0',
  '\ud800',
  true,
  null,
  {},
  { unknown: 1 },
  [],
  [null],
  [1, 1],
  1n,
  Symbol('odd'),
  () => 1,
  new Map(),
  new Date(0),
  PROMISE,
];

/** Words of zod's own messages. */
const FOREIGN = /expected|received|invalid (?:input|option)|too (?:big|small)|unrecognized|must be (?:less|greater)/i;
/** What happened, the value and what to do, in a sentence each. */
const COMPLETE_MESSAGE =
  /^(?:(?:Option|Setting) "[\w.[\]]+" (?:has the value .+|is missing)\. (?:It is a promise: put "await" before the call that returned it\. )?(?:Give|Keep|Lower|Raise|Name|No such setting\.) .+\.$|There is no option "\w+" in "[\w.]+"\.(?: Did you mean "\w+"\?)? Valid options: .+\.$)/s;

function outcomeOf(call: () => unknown): unknown {
  try {
    call();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The known names, as its own error lists them. */
function namesOf(taker: (options: Readonly<Record<string, unknown>>) => unknown): readonly string[] {
  const error = outcomeOf(() => taker({ unknownOption: 1 }));
  if (error instanceof UnknownOptionError) return error.validOptions;
  const listed = error instanceof JobraftError ? /Known here are (.+)\.$/.exec(error.message)?.[1] : undefined;
  return listed?.split(', ') ?? [];
}

const CASES = Object.entries(TAKERS).flatMap(([what, taker]) => namesOf(taker).map((name) => ({ what, name, taker })));

describe('every option', () => {
  it('was found', () => {
    expect(CASES.length).toBeGreaterThan(45);
    expect(new Set(CASES.map(({ what }) => what))).toEqual(new Set(Object.keys(TAKERS)));
  });

  it.each(CASES)('$name of $what is rejected with what happened, the value and what to do', ({ name, taker }) => {
    const rejections = BAD_VALUES.map((value) => ({ value, error: outcomeOf(() => taker({ [name]: value })) }));
    for (const { error } of rejections.filter((each) => each.error !== undefined)) {
      expect(error).toBeInstanceOf(JobraftError);
      const { message, outcome } = error as JobraftError;
      expect(message).toMatch(COMPLETE_MESSAGE);
      expect(message).not.toMatch(FOREIGN);
      expect(message).toContain(name);
      expect(outcome).toBe('not-applied');
    }
    const ofPromise = rejections.find(({ value }) => value === PROMISE)?.error;
    expect(ofPromise).toMatchObject({ message: expect.stringContaining('put "await" before the call that returned it') });
    expect(rejections.filter(({ error }) => error !== undefined).length).toBeGreaterThan(8);
  });

  it.each(CASES)('$name of $what is suggested for a name that is nearly the same', ({ name, taker }) => {
    for (const slip of [`${name}s`, name.slice(0, -1), name.toUpperCase()]) {
      if (namesOf(taker).includes(slip)) continue;
      const error = outcomeOf(() => taker({ [slip]: 1 }));
      expect(error).toMatchObject({ message: expect.stringMatching(/Did you mean "\w+"\?/) });
    }
  });
});
