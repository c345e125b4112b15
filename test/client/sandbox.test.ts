import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Job } from '../../src/client/api/job.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { Sandbox } from '../../src/client/sandbox/sandbox.ts';
import { ProcessorFileError, ProcessorThreadError } from '../../src/client/sandbox/sandbox-errors.ts';
import { Worker, type WorkerOptions } from '../../src/client/worker/worker.ts';
import { aJob } from './a-job.ts';
import { eventually } from './eventually.ts';
import { FakeCluster } from './fake-cluster.ts';

const toClose: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of toClose.splice(0)) await close();
});

const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

interface Ended {
  readonly result?: unknown;
  readonly error?: Error & { readonly code?: unknown };
}

function aWorker(file: string | URL, options: Partial<WorkerOptions> = {}) {
  const cluster = new FakeCluster();
  const queue = new Queue('files', { connection: cluster });
  const worker = new Worker('files', file, { connection: cluster, ...options });
  toClose.push(
    () => worker.close(true),
    () => queue.close(),
    () => cluster.close(),
  );
  const errors: Error[] = [];
  const ended = new Map<string, Ended>();
  worker.on('error', (error) => errors.push(error));
  worker.on('completed', (job, result) => ended.set(job.id, { result }));
  worker.on('failed', (job, error) => ended.set(job.id, { error }));
  /** Runs one job and returns how it ended. */
  const run = async (name: string, data: unknown = {}, attempts = 1): Promise<Ended> => {
    const { id } = await queue.add(name, data, { attempts });
    return await eventually(() => ended.get(id) ?? expect.fail(`job ${id} has not ended`));
  };
  return { cluster, queue, worker, errors, run };
}

function aFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'processors-'));
  toClose.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function aFile(code: string, name = 'processor.mjs'): string {
  const path = join(aFolder(), name);
  writeFileSync(path, code);
  return path;
}

/** Collects the messages of the processors of `talks.mjs`. */
function aChannel() {
  const channel = new BroadcastChannel('talks');
  const messages: { readonly begun?: string; readonly pong?: number; readonly turns?: Int32Array }[] = [];
  channel.onmessage = (event) => messages.push((event as MessageEvent).data);
  toClose.push(() => channel.close());
  const begun = (name: string): number => messages.filter((message) => message.begun === name).length;
  return { channel, messages, begun };
}

describe('the file of a processor', () => {
  it('that does not exist is reported at once, and fails its jobs until it exists', async () => {
    const path = join(aFolder(), 'missing.mjs');
    const { errors, run, worker } = aWorker(path);
    await eventually(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toMatchObject({ name: 'ProcessorFileError', code: 'PROCESSOR_FILE', file: path });
    const { error } = await run('first');
    expect(error).toBeInstanceOf(ProcessorFileError);
    expect(error?.message).toContain(`${path} does not exist`);
    expect(error?.message).toContain('import.meta.url');
    expect(worker.isRunning()).toBe(true);
    writeFileSync(path, 'export default () => "now";');
    expect(await run('second')).toEqual({ result: 'now' });
  });

  it('that does not exist ends no process without a listener', async () => {
    const { queue, worker } = aWorker(join(aFolder(), 'missing.mjs'));
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    worker.removeAllListeners();
    const { id } = await queue.add('any', {});
    await eventually(async () => expect(await queue.getJob(id)).toMatchObject({ state: 'failed' }));
    expect(warnings).toHaveBeenCalled();
    warnings.mockRestore();
  });

  it.each([
    ['has a syntax error', 'export default (', 'SyntaxError: '],
    ['imports what is missing', "import 'there-is-no-such-package'; export default () => 1;", 'there-is-no-such-package'],
    ['throws when it is imported', "throw new TypeError('no connection');", 'TypeError: no connection'],
    ['throws null when it is imported', 'throw null;', 'null'],
    ['rejects when it is imported', "await Promise.reject(new Error('no connection')); export default () => 1;", 'no connection'],
  ])('that %s fails its jobs with the reason', async (_, code, reason) => {
    const path = aFile(code);
    const { errors, run } = aWorker(path);
    const { error } = await run('any');
    expect(error).toMatchObject({ name: 'ProcessorFileError', code: 'PROCESSOR_FILE', file: path });
    expect(error?.message).toContain(`${path} cannot be imported: `);
    expect(error?.message).toContain(reason);
    expect(errors).toEqual([]);
  });

  it('is imported again after an import that failed', async () => {
    const path = join(aFolder(), 'processor.mjs');
    const ready = JSON.stringify(`${path}.ready`);
    writeFileSync(
      path,
      `import { existsSync } from 'node:fs';
      if (!existsSync(${ready})) throw new Error('not ready');
      export default () => 'ready';`,
    );
    const { run } = aWorker(path);
    expect((await run('first')).error?.message).toContain('not ready');
    writeFileSync(`${path}.ready`, '');
    expect(await run('second')).toEqual({ result: 'ready' });
  });

  it.each(['export const other = () => 1;', 'export default 7;', 'export default { run() {} };'])(
    'that exports no function fails its jobs: %s',
    async (code) => {
      const { run } = aWorker(aFile(code));
      expect((await run('any')).error?.message).toContain('exports no function. Export a function named "process"');
    },
  );

  it.each([
    ['function.cjs', 'function of any'],
    ['compiled.cjs', 'default of any'],
    ['assigned.cjs', 'process of any'],
  ])('may be a CommonJS module: %s', async (name, result) => {
    expect(await aWorker(fixture(name)).run('any')).toEqual({ result });
  });

  it('may export both, and the named function is used', async () => {
    const { run } = aWorker(aFile("export const process = () => 'named'; export default () => 'default';"));
    expect(await run('any')).toEqual({ result: 'named' });
  });

  it('may be TypeScript where the runtime can read it', async () => {
    expect(await aWorker(fixture('typed.ts')).run('any')).toEqual({ result: 'typed any' });
  });

  it('may be an absolute path, one relative to the working directory, a URL, or its text', async () => {
    const path = aFile('export default () => 1;', 'name with #, ? and %20.mjs');
    for (const file of [path, relative(process.cwd(), path), pathToFileURL(path), pathToFileURL(path).href]) {
      expect(await aWorker(file).run('any')).toEqual({ result: 1 });
    }
  });

  it('may be given without its extension', async () => {
    expect(await aWorker(fileURLToPath(fixture('shout'))).run('any', { text: 'short' })).toMatchObject({ result: { shouted: 'SHORT' } });
  });

  it.each(['https://example.org/processor.js', 'data:text/javascript,export default () => 1'])('is no other URL: %s', (url) => {
    expect(() => aWorker(new URL(url))).toThrow(ProcessorFileError);
  });

  it('runs in a program that is given as text', async () => {
    expect(await runInProcess([], fileURLToPath(fixture('double.mjs')), ['any'])).toBe('any: null\n');
  });
});

describe('a value thrown by a processor in a file', () => {
  it.each([
    ['null', 'null'],
    ['undefined', 'undefined'],
    ['text', 'just text'],
    ['empty text', 'An empty string was thrown.'],
    ['bigint', '10n'],
    ['symbol', 'Symbol(s)'],
    ['function', '[Function: raise]'],
    ['no prototype', '[Object: null prototype] {}'],
    ['an error with a function', 'has a function'],
    ['a proxy', 'behind a proxy'],
    // Node.js 26 reports that it is a Proxy.
    ['a proxy that throws', expect.stringContaining('{}')],
    ['a message that throws', 'Error'],
    ['a message that is an object', '{ reason: 7 }'],
    ['an empty message', 'TypeError'],
  ])('is a failed attempt for any value: %s', async (name, reason) => {
    const { queue, run } = aWorker(fixture('throws.mjs'));
    expect((await run(name)).error).toBeInstanceOf(Error);
    expect((await run(name, 'reject')).error).toBeInstanceOf(Error);
    for (const id of ['1', '2']) expect(await queue.getJob(id)).toMatchObject({ state: 'failed', failedReason: reason });
  });

  it('keeps its name, message, stack and code', async () => {
    const { run } = aWorker(fixture('throws.mjs'));
    const { error } = await run('an error with a code');
    expect(error).toMatchObject({ name: 'RangeError', message: 'too much', code: 'E_TOO_MUCH' });
    expect(error?.stack).toContain('throws.mjs');
  });

  it.each([
    ['unrecoverable', { name: 'UnrecoverableError', message: 'bad address', code: 'E_ADDRESS' }, 'bad address'],
    ['unrecoverable without a message', { name: 'UnrecoverableError', message: '' }, 'UnrecoverableError'],
    ['a subclass with its own name', { name: 'Rejected', message: 'bad address' }, 'bad address'],
    ["BullMQ's class", { name: 'UnrecoverableError', message: 'bad address' }, 'bad address'],
    ["a subclass of BullMQ's", { name: 'Derived', message: 'bad address' }, 'bad address'],
    ['a copy with another name', { name: 'Error', message: 'bad address' }, 'bad address'],
  ])('can forbid another attempt: %s', async (name, expected, failedReason) => {
    const { queue, run } = aWorker(fixture('throws.mjs'));
    expect((await run(name, 'reject', 5)).error).toMatchObject(expected);
    expect(await queue.getJob('1')).toMatchObject({ state: 'failed', attemptsMade: 1, failedReason });
  });
});

describe('a value returned by a processor in a file', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['bytes', new Uint8Array([1, 2, 3])],
    ['an object with a method', { n: 1 }],
    ['a value with toJSON', { as: 'JSON' }],
    ['date', '1970-01-01T00:00:00.000Z'],
  ])('is encoded like the data of a job: %s', async (name, result) => {
    const { queue, run } = aWorker(fixture('returns.mjs'));
    expect(await run(name)).toEqual({ result });
    expect((await queue.getJob('1'))?.returnvalue).toEqual(result);
  });

  it.each([
    ['function', 'A function cannot be written as JSON.'],
    ['symbol', 'A symbol cannot be written as JSON.'],
    ['bigint', 'BigInt'],
    ['cycle', 'circular'],
  ])('fails its job if it cannot be written: %s', async (name, reason) => {
    const { run } = aWorker(fixture('returns.mjs'));
    const { error } = await run(name);
    expect(error).toMatchObject({ name: 'InvalidPayloadError', code: 'INVALID_PAYLOAD' });
    expect(error?.message).toContain(reason);
    expect(await run('null')).toEqual({ result: null });
  });
});

describe('a thread of a processor file', () => {
  it.each([
    ['exit', 'worker exited with code: 0'],
    ['exit with a code', 'worker exited with code: 7'],
    ['uncaught', 'uncaught'],
    ['uncaught null', 'null'],
    ['unhandled', 'unhandled'],
    ['unhandled undefined', 'undefined'],
  ])('that ends fails its job, and the next job runs in another: %s', async (name, reason) => {
    const { errors, run } = aWorker(fixture('ends.mjs'));
    const { error } = await run(name);
    expect(error).toMatchObject({ name: 'ProcessorThreadError', code: 'PROCESSOR_THREAD', outcome: 'unknown' });
    expect(error?.message).toContain('ended while the job ran: ');
    expect(error?.message).toContain(reason);
    expect(await run('live')).toEqual({ result: 'alive' });
    expect(errors).toEqual([]);
  });

  it('that has no memory left fails its job, and the next job runs in another', async () => {
    const output = await runInProcess(['--max-old-space-size=64'], fileURLToPath(fixture('fills-memory.mjs')), ['fill', 'live']);
    expect(output).toMatch(/^fill: .*ended while the job ran: .*memory.*\nlive: alive\n$/);
  });

  it('that ends between two jobs is reported', async () => {
    const { errors, run } = aWorker(fixture('ends.mjs'));
    const channel = new BroadcastChannel('ends');
    toClose.push(() => channel.close());
    expect(await run('later')).toEqual({ result: 'left' });
    channel.postMessage('now');
    await eventually(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toBeInstanceOf(ProcessorThreadError);
    expect(errors[0]?.message).toContain('ended between two jobs: between two jobs');
    expect(await run('live')).toEqual({ result: 'alive' });
  });

  it('keeps running between two jobs: its timers run and its connections reply', async () => {
    const { channel, messages } = aChannel();
    const { run } = aWorker(fixture('talks.mjs'));
    const { result: threadId } = await run('any');
    channel.postMessage('ping');
    await eventually(() => expect(messages).toContainEqual({ pong: threadId }));
  });

  it('runs one job at a time: a job for which there is no thread has not begun', async () => {
    const { channel, begun } = aChannel();
    const { cluster, queue } = aWorker(fixture('talks.mjs'), { concurrency: 3, threads: 2 });
    await queue.addBulk(Array.from({ length: 3 }, () => ({ name: 'wait', data: {} })));
    await eventually(() => expect(begun('wait')).toBe(2));
    expect(cluster.machine.counts('files')).toMatchObject({ active: 2, waiting: 1 });
    channel.postMessage('go');
    await eventually(() => expect(begun('wait')).toBe(3));
    channel.postMessage('go');
    await eventually(() => expect(cluster.machine.counts('files').completed).toBe(3));
  });

  it('exists for each of `concurrency` jobs, however many cores the machine has', async () => {
    const { channel, begun } = aChannel();
    const { cluster, queue } = aWorker(fixture('talks.mjs'), { concurrency: 5 });
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'wait', data: {} })));
    await eventually(() => expect(begun('wait')).toBe(5));
    channel.postMessage('go');
    await eventually(() => expect(cluster.machine.counts('files').completed).toBe(5));
  });

  it('is terminated even if it never returns to its event loop', async () => {
    const { messages } = aChannel();
    const { cluster, queue, worker } = aWorker(fixture('talks.mjs'));
    await queue.add('spin', {});
    const { turns } = await eventually(() => messages.find((message) => message.turns) ?? expect.fail('it has not begun'));
    await eventually(() => expect(turns?.[0]).toBeGreaterThan(0));
    await worker.close(true);
    const after = turns?.[0] ?? 0;
    await eventually(() => expect(cluster.machine.counts('files')).toMatchObject({ active: 0, waiting: 1 }));
    expect(turns?.[0]).toBe(after);
  });
});

describe('a sandbox', () => {
  let jobs = 0;
  const aNextJob = (name: string, data: object = {}): Job => {
    jobs += 1;
    return aJob({ id: jobs, name, data });
  };
  const aSandbox = (concurrency: number, threads?: number, limits: { readonly closeWithinMs?: number } = {}) => {
    const errors: Error[] = [];
    const sandbox = new Sandbox(fixture('talks.mjs'), { concurrency, threads, onError: (error) => errors.push(error), ...limits });
    toClose.push(() => sandbox.close());
    return { sandbox, errors };
  };

  it('has no more threads than concurrent jobs, and a maximum', () => {
    expect(aSandbox(3).sandbox.threads).toBe(3);
    expect(aSandbox(3, 2).sandbox.threads).toBe(2);
    expect(aSandbox(3, 8).sandbox.threads).toBe(3);
    expect(aSandbox(1_000).sandbox.threads).toBe(32);
    expect(aSandbox(1_000, 100).sandbox.threads).toBe(100);
  });

  it('ends the thread of an aborted job, and no other', async () => {
    const { channel, begun } = aChannel();
    const { sandbox, errors } = aSandbox(2);
    const lost = new AbortController();
    const kept = sandbox.run(aNextJob('wait'), new AbortController().signal);
    const ended = sandbox.run(aNextJob('spin'), lost.signal);
    await eventually(() => expect([begun('wait'), begun('spin')]).toEqual([1, 1]));
    lost.abort(new Error('lease lost'));
    await expect(ended).rejects.toThrow('lease lost');
    expect(await sandbox.run(aNextJob('any'), new AbortController().signal)).toEqual(expect.any(Number));
    channel.postMessage('go');
    expect(await kept).toEqual(expect.any(Number));
    expect(errors).toEqual([]);
  });

  it('closes in bounded time even if a thread cannot be ended, and reports it', async () => {
    const { sandbox, errors } = aSandbox(1, 1, { closeWithinMs: 100 });
    const pidFile = join(aFolder(), 'pid');
    const lost = new AbortController();
    const ended = sandbox.run(aNextJob('block', { pidFile }), lost.signal);
    const child = await eventually(() => Number(readFileSync(pidFile, 'utf8')) || expect.fail('it has not begun'));
    lost.abort(new Error('lease lost'));
    await expect(ended).rejects.toThrow('lease lost');
    await sandbox.close();
    process.kill(child);
    expect(errors).toMatchObject([{ code: 'PROCESSOR_THREAD', message: expect.stringContaining('did not end within 100 ms') }]);
  });

  it('does not begin a job whose signal is aborted, or after close()', async () => {
    const { begun } = aChannel();
    const { sandbox } = aSandbox(1);
    await expect(sandbox.run(aNextJob('any'), AbortSignal.abort(new Error('lease lost')))).rejects.toThrow('lease lost');
    await sandbox.close();
    await sandbox.close();
    await expect(sandbox.run(aNextJob('any'), new AbortController().signal)).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
    expect(begun('any')).toBe(0);
  });
});

/** Runs jobs of that file in a process of its own. @returns its output: a line `<name>: <result or reason>` for each. */
async function runInProcess(flags: readonly string[], file: string, names: readonly string[]): Promise<string> {
  const program = `const { runJobs } = await import(${JSON.stringify(fixture('sandbox-child.ts').href)});
    await runJobs(${JSON.stringify(file)}, ${JSON.stringify(names)});`;
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '--input-type=module', '-e', program]);
  return stdout;
}
