import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const LINES_MAX = 60;
const folder = resolve(import.meta.dirname, '../../examples');

/** What each example prints: whole lines, or a pattern. */
const OUTPUT: Readonly<Record<string, readonly string[] | RegExp>> = {
  'hello-world.ts': [
    'job 1 is on disk on a majority of nodes',
    'job 1 is completed: sent welcome to ada@example.com',
    'the cluster stores its result: sent welcome to ada@example.com',
  ],
  'retries-with-backoff.ts': [
    'attempt 1 begins',
    'failed: the bank does not reply (attempt 1); 1 of 5 attempts made',
    'attempt 2 begins',
    'failed: the bank does not reply (attempt 2); 2 of 5 attempts made',
    'attempt 3 begins',
    "completed with 'paid', after at least 300 ms of backoff: true",
  ],
  'dead-letters.ts': ['job 1 is failed after 1 of 5 attempts: card 4711 is blocked', 'job 1 is completed'],
  'delays-and-priorities.ts': [
    'urgent | ordinary | ordinary, added after it | later',
    'the last one began at least 500 ms after it was added: true',
  ],
  'rates-and-limits.ts': [
    '10 letters were sent, never more than two at once: true',
    'the fifth had to wait for half a second, the ninth for a whole one: true',
  ],
  'deduplication.ts': ['a duplicate has the id of the job that is there: true', 'update 10 | rebuild 0 | rebuild 3'],
  'queue-events.ts': [
    'job 1 returned sent to Ada',
    'awaited: sent to Ada',
    'job 2 failed: it has no address',
    'awaited: JOB_FAILED',
    'behind the last event: job 3 returned sent to Grace',
  ],
  'scheduler.ts': [
    '1: a short report for the scheduler "short"',
    '2: a short report for the scheduler "short"',
    '3: a short report for the scheduler "short"',
    'schedulers: daily (0 9 * * *, Europe/Berlin)',
    'the next report is in the future: true',
    'removed: true',
  ],
  'flow.ts': ['the report is waiting-children', 'results: 40', 'failures: it is raining'],
  'transaction.ts': [
    'order 1 is charged: invoice-1 and a shipment follow',
    'result: charged',
    '1 invoice waits, 1 shipment is delayed',
    'operation 1 was rejected, and 1 invoice waits',
  ],
  'progress-and-steps.ts': [
    'attempt 1: reserve a bicycle',
    '33 %',
    'attempt 1: charge a bicycle',
    'attempt 2: charge a bicycle',
    '67 %',
    'attempt 2: ship a bicycle',
    '100 %',
    'completed, 100 %',
  ],
  'processor-in-a-file.ts': [
    '168 primes below 1000',
    '148933 primes below 2000000',
    '216816 primes below 3000000',
    'this event loop was free meanwhile: true',
  ],
  // Tokens grow with every claim: on a busy machine a lease may end before its processor is called.
  'fencing-token.ts':
    /^the second holder writes with token \d+: accepted\nthe first holder writes with token \d+: rejected\nthe first holder's signal is aborted: true\nthe store has the value of the second holder\n$/,
  'graceful-shutdown.ts': [
    'image a begins',
    'image b begins',
    'SIGTERM: closing the worker',
    'image a ends',
    'image b ends',
    '2 completed, 3 waiting for the next start, 0 active',
  ],
  'members-and-leadership.ts': [
    'voters: 1, 2, 3',
    'node 4 votes: true',
    'leader: 4',
    'voters: 1, 2, 3; the leader is one of them: true',
    'every job that was added is there: true',
  ],
  'testing-your-code.ts': [
    'nothing is due today',
    'after a day: the first attempt failed, and waits for its backoff',
    'a minute later: sent to ada@example.com',
  ],
  // The node that is left may lack what the other two acknowledged.
  'read-consistency.ts':
    /^linearizable: job 1 is waiting\nlinearizable, one node of three: rejected \((?:NO_LEADER|DEADLINE)\)\nstale, one node of three: job 1 is (?:waiting|unknown to this node)\n$/,
};

const examples = readdirSync(folder).filter((file) => file.endsWith('.ts'));

describe('the examples', () => {
  it('all have an expected output, a line in their README, and few lines', () => {
    expect(Object.keys(OUTPUT).sort()).toEqual(examples.sort());
    const page = readFileSync(join(folder, 'README.md'), 'utf8');
    for (const file of examples) {
      expect(page).toContain(`[${file}](${file})`);
      const text = readFileSync(join(folder, file), 'utf8');
      expect(text.trimEnd().split('\n').length, file).toBeLessThanOrEqual(LINES_MAX);
    }
  });

  it.for(examples)(
    '%s runs against the built package by its public name, prints what it does, and ends by itself',
    async (file, { signal }) => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(folder, file)], { signal });
      const expected = OUTPUT[file] ?? [];
      if (expected instanceof RegExp) expect(stdout).toMatch(expected);
      else expect(stdout).toBe(`${expected.join('\n')}\n`);
      expect(stderr).toBe('');
    },
  );
});
