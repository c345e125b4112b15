import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { JOB_MISSING, OPTIONS_MISSING, QUEUE_MISSING, WORKER_MISSING } from '../../src/client/api/bullmq-names.ts';
import { Job } from '../../src/client/api/job.ts';
import { addOptionsOf } from '../../src/client/api/job-options.ts';
import { type MissingNames, NotSupportedError, UnknownEventError } from '../../src/client/api/not-supported.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { UnknownOptionError } from '../../src/client/errors.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { aJob } from './a-job.ts';
import { FakeCluster } from './fake-cluster.ts';
import bullmq from './fixtures/bullmq-names.json' with { type: 'json' };

const cluster = new FakeCluster();
const queue = new Queue<number>('q', { connection: cluster });
const worker = new Worker<number>('q', () => 1, { connection: cluster, autorun: false });
const job = aJob({ name: 'n', data: 1, added: addOptionsOf({ delay: 5, backoff: 7, removeOnComplete: true }) });
afterAll(async () => {
  await worker.close();
  await queue.close();
  cluster.close();
});

interface Described {
  readonly name: 'Queue' | 'Worker' | 'Job';
  readonly of: { readonly prototype: object };
  readonly instance: object;
  readonly missing: MissingNames;
}
const CLASSES: readonly Described[] = [
  { name: 'Queue', of: Queue, instance: queue, missing: QUEUE_MISSING },
  { name: 'Worker', of: Worker, instance: worker, missing: WORKER_MISSING },
  { name: 'Job', of: Job, instance: job, missing: JOB_MISSING },
];

/** Names of the instance that are missing altogether, with their remedies. */
const absentOf = ({ asyncMethods, methods, properties }: MissingNames) => ({ ...asyncMethods, ...methods, ...properties });
const call = (on: object, name: string): unknown => Reflect.apply(Reflect.get(on, name), on, []);

/** The rows of one table of docs/bullmq.md: what BullMQ has, whether jobraft has it, and how it differs. */
const page = readFileSync(join(import.meta.dirname, '../../docs/bullmq.md'), 'utf8');
function rowsOf(heading: string): { readonly name: string; readonly is: string; readonly note: string }[] {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| `(.+?)` \| (\w+) \| (.*?) ?\|$/gm)].map(([, name = '', is = '', note = '']) => ({ name, is, note }));
}
const namesOf = (rows: ReturnType<typeof rowsOf>): string[] => rows.map(({ name }) => name).sort();
const lackingOf = (rows: ReturnType<typeof rowsOf>): object =>
  Object.fromEntries(rows.filter(({ is }) => is === 'lacking').map(({ name, note }) => [name, note]));

describe.each(CLASSES)('a name of BullMQ’s $name', ({ name, of, instance, missing }) => {
  it('is either here or a listed error', () => {
    const absent = Object.keys(absentOf(missing));
    const unlisted = bullmq[name].names.filter((each) => !(each in instance) && !absent.includes(each));
    expect(unlisted).toEqual([]);
    expect([...Object.keys(missing.statics), ...Object.keys(missing.asyncStatics)].sort()).toEqual(bullmq[name].statics);
  });

  it('is described in docs/bullmq.md as it is', () => {
    const rows = rowsOf(name);
    expect(lackingOf(rows)).toEqual(absentOf(missing));
    const listed = new Set([...bullmq[name].names, ...Object.keys(absentOf(missing))]);
    expect(namesOf(rows)).toEqual([...listed].sort());
    for (const { name: each, is } of rows) {
      expect(['same', 'different', 'lacking']).toContain(is);
      if (each in missing.setters) expect(is).toBe('different');
      if (is !== 'lacking') expect(each in instance).toBe(true);
    }
  });

  it('that is missing rejects or throws with what to use instead, and is not enumerable', async () => {
    const isMissing = (feature: string, remedy: string) =>
      expect.objectContaining({ code: 'NOT_SUPPORTED', outcome: 'not-applied', feature, message: expect.stringContaining(remedy) });
    for (const [each, remedy] of Object.entries(missing.asyncMethods)) {
      await expect(call(instance, each)).rejects.toEqual(isMissing(`${name}.${each}()`, remedy));
    }
    for (const [each, remedy] of Object.entries(missing.methods)) {
      expect(() => call(instance, each)).toThrow(isMissing(`${name}.${each}()`, remedy));
    }
    for (const [each, remedy] of Object.entries(missing.properties)) {
      expect(() => Reflect.get(instance, each)).toThrow(isMissing(`${name}.${each}`, remedy));
      expect(() => Reflect.set(instance, each, 1)).toThrow(NotSupportedError);
    }
    for (const [each, remedy] of Object.entries(missing.setters)) {
      expect(() => Reflect.set(instance, each, 1)).toThrow(isMissing(`Setting ${name}.${each}`, remedy));
      expect(() => Reflect.get(instance, each)).not.toThrow();
    }
    for (const each of Object.keys(missing.asyncStatics)) await expect(call(of, each)).rejects.toBeInstanceOf(NotSupportedError);
    for (const each of Object.keys(missing.statics)) expect(() => call(of, each)).toThrow(NotSupportedError);
    const enumerable: string[] = [];
    for (const each in instance) enumerable.push(each);
    expect(enumerable.filter((each) => each in absentOf(missing))).toEqual([]);
    expect(() => inspect(instance, { showHidden: true })).not.toThrow();
    expect(() => JSON.stringify(instance)).not.toThrow();
  });
});

describe('a subclass', () => {
  it('may define a name that is missing', () => {
    class Own extends Queue {
      readonly token = 'a field';
      getMeta(): string {
        return 'a method';
      }
    }
    const own = new Own('q', { connection: cluster });
    expect([own.token, own.getMeta()]).toEqual(['a field', 'a method']);
    Reflect.set(own, 'closing', 'as a compiler without fields');
    expect(Reflect.get(own, 'closing')).toBe('as a compiler without fields');
    void own.close();
  });
});

describe('an event of a worker', () => {
  const listen = () => undefined;

  it.each(Object.entries(WORKER_MISSING.events))('%s of BullMQ is a typed error', (name, remedy) => {
    for (const method of ['on', 'once', 'off', 'addListener', 'removeListener', 'prependListener', 'prependOnceListener']) {
      const error = `The event '${name}' of a Worker`;
      expect(() => Reflect.apply(Reflect.get(worker, method), worker, [name, listen])).toThrow(NotSupportedError);
      expect(() => Reflect.apply(Reflect.get(worker, method), worker, [name, listen])).toThrow(
        expect.objectContaining({ feature: error, message: expect.stringContaining(remedy) }),
      );
    }
  });

  it('that does not exist is a typed error with the one that was meant', () => {
    // @ts-expect-error a name that is no event
    expect(() => worker.on('complete', listen)).toThrow(UnknownEventError);
    // @ts-expect-error likewise
    expect(() => worker.once('complete', listen)).toThrow(/no event "complete"\. Did you mean "completed"\? Valid events: active, /);
  });

  it('is listed in docs/bullmq.md', () => {
    expect(lackingOf(rowsOf('Events of a Worker'))).toEqual(WORKER_MISSING.events);
    expect(namesOf(rowsOf('Events of a Worker'))).toEqual(bullmq.Worker.events);
  });
});

describe('an option of BullMQ', () => {
  const takers: Readonly<Record<keyof typeof OPTIONS_MISSING, (options: object) => unknown>> = {
    queue: (options) => new Queue('q', { connection: cluster, ...options }),
    worker: (options) => new Worker('q', () => 1, { connection: cluster, ...options }),
    job: (options) => addOptionsOf(options),
    backoff: (options) => addOptionsOf({ backoff: { type: 'fixed', delay: 1, ...options } }),
  };

  it.each(Object.entries(OPTIONS_MISSING))('that a %s does not have is rejected as such, and listed in docs/bullmq.md', (of, missing) => {
    const rows = rowsOf(`Options of a ${of}`);
    expect(lackingOf(rows)).toEqual(missing);
    expect(namesOf(rows)).toEqual([...bullmq.options[of as keyof typeof takers]].sort());
    for (const [name, remedy] of Object.entries(missing)) {
      const set = () => takers[of as keyof typeof takers]({ [name]: 1 });
      expect(set).toThrow(UnknownOptionError);
      expect(set).toThrow(
        expect.objectContaining({ message: expect.stringMatching(new RegExp(`^BullMQ's option "${name}".* is not supported yet\\. `)) }),
      );
      expect(set).toThrow(expect.objectContaining({ message: expect.stringContaining(remedy) }));
    }
  });
});

describe('what BullMQ has and jobraft does not', () => {
  it('is an error in TypeScript and at run time', async () => {
    // @ts-expect-error ids are strings
    await expect(queue.getJob(1)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
    // @ts-expect-error
    await expect(queue.getMeta()).rejects.toBeInstanceOf(NotSupportedError);
    // @ts-expect-error
    expect(() => queue.on('error', () => undefined)).toThrow(NotSupportedError);
    // @ts-expect-error
    await expect(queue.getDependencies('1')).rejects.toBeInstanceOf(NotSupportedError);
    // @ts-expect-error
    expect(() => worker.on('locksRenewed', () => undefined)).toThrow(NotSupportedError);
    expect(() => {
      // @ts-expect-error
      job.name = 'other';
    }).toThrow(NotSupportedError);
    expect(job.name).toBe('n');
    // @ts-expect-error
    expect(() => job.parent).toThrow(NotSupportedError);
    // @ts-expect-error
    await expect(job.moveToWait()).rejects.toBeInstanceOf(NotSupportedError);
    // @ts-expect-error
    await expect(job.retry('completed')).rejects.toBeInstanceOf(NotSupportedError);
    // @ts-expect-error
    await expect(job.moveToWaitingChildren('token')).rejects.toBeInstanceOf(NotSupportedError);
    // @ts-expect-error
    expect(() => addOptionsOf({ telemetry: {} })).toThrow(/BullMQ's option "telemetry" is not supported yet/);
  });

  it('is an error for an option that a job from the cluster does not know', () => {
    const claimed = aJob({ name: 'n', data: 1 });
    expect(claimed.opts).toEqual({ attempts: 1 });
    for (const name of ['delay', 'priority', 'lifo', 'backoff', 'removeOnComplete', 'removeOnFail'] as const) {
      expect(() => claimed.opts[name]).toThrow(NotSupportedError);
    }
    expect(job.opts).toEqual({
      ...{ delay: 5, priority: 0, lifo: false, attempts: 1, backoff: { type: 'fixed', delay: 7 } },
      ...{ removeOnComplete: true, removeOnFail: false },
    });
    expect([job.delay, job.priority]).toEqual([5, 0]);
  });
});
