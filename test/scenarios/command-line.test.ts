import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCluster } from 'jobraft';
import { describe, expect, it } from 'vitest';
import { type EndedCommand, jobraft, jobraftProcess, PROGRAM, RunningCommand } from './command.ts';
import { aFolder, eventually } from './support.ts';

/** For many processes, one after the other, also on a busy machine. */
const PROCESSES_TIMEOUT_MS = 300_000;

const ok = (out: string): EndedCommand => ({ code: 0, out, err: '' });
const json = ({ out }: EndedCommand): unknown => JSON.parse(out);

/** A job "fail" fails; a job "held" ends once the file `go` is in the folder. */
function writeProcessor(folder: string): string {
  const file = join(folder, 'processor.mjs');
  const go = JSON.stringify(join(folder, 'go'));
  writeFileSync(
    file,
    `import { existsSync } from 'node:fs';
     export default async (job) => {
       if (job.name === 'fail') throw new Error('no host');
       while (job.name === 'held' && !existsSync(${go})) await new Promise((resolve) => setTimeout(resolve, 20));
       return { sent: job.data };
     };`,
  );
  return file;
}

describe('jobraft on the folder of a cluster', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  it('adds a job to a new cluster, and shows, pauses, removes and counts', async () => {
    using folder = aFolder();
    const dataDir = join(folder.path, 'data');
    const on = ['--data-dir', dataDir];
    expect(await jobraftProcess('add', 'emails', 'welcome', '{"to":"ada"}', '--priority', '2', '--attempts', '3', ...on)).toEqual(
      ok('Job 1 is in the queue "emails".\n'),
    );
    await using reader = RunningCommand.start('add', 'emails', 'welcome', '-', '--delay', '3600000', '--json', ...on);
    expect(json(await reader.ended('{"to":\n"grace"}'))).toEqual({ queue: 'emails', id: '2', name: 'welcome' });
    await using _host = await openCluster({ dataDir, nodes: 3 });
    const shown = await jobraftProcess('job', 'emails', '1', ...on);
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toMatch(
      /^job {7}1\nqueue {5}emails\nname {6}welcome\nstate {5}\w+\npriority {2}2\nattempts {2}0 of 3 made\nadded {5}\d{4}-.*Z\ndata {6}\{"to":"ada"\}\n$/,
    );
    expect(json(await jobraft('job', 'emails', '2', '--json', ...on))).toMatchObject({
      id: '2',
      state: 'delayed',
      data: { to: 'grace' },
      attempts: 1,
    });
    expect(await jobraft('pause', 'emails', ...on)).toEqual(ok('The queue "emails" is paused: workers get no more of its jobs.\n'));
    expect(json(await jobraft('counts', 'emails', '--json', ...on))).toMatchObject({ queue: 'emails', delayed: 1, isPaused: true });
    expect(await jobraft('resume', 'emails', ...on)).toEqual(ok('The queue "emails" is not paused.\n'));
    expect(await jobraft('remove', 'emails', '2', ...on)).toEqual(ok('Job 2 is removed.\n'));
    const counted = await jobraft('counts', 'emails', ...on);
    expect(counted.out).toMatch(/\bdelayed\b.*\bpaused\n─.*\n.*\bno\n$/);
  });

  it('prints an id that someone chose with its control characters escaped, and says of a second add only that the job is there', async () => {
    using folder = aFolder();
    const on = ['--data-dir', join(folder.path, 'data')];
    const id = 'a\u001b[31m\n\u202eb';
    const shown = 'a\\u001b[31m\\n\\u202eb';
    await using _host = await openCluster({ dataDir: join(folder.path, 'data'), nodes: 1 });
    for (let times = 0; times < 2; times += 1)
      expect(await jobraft('add', 'emails', 'n', '--job-id', id, '--delay', '3600000', ...on)).toEqual(
        ok(`Job ${shown} is in the queue "emails".\n`),
      );
    expect(await jobraft('promote', 'emails', id, ...on)).toEqual(ok(`Job ${shown} waits now.\n`));
    expect(await jobraft('remove', 'emails', id, ...on)).toEqual(ok(`Job ${shown} is removed.\n`));
  });

  it('sets, shows and removes job schedulers, which add jobs', async () => {
    using folder = aFolder();
    const on = ['--data-dir', folder.path];
    await using _host = await openCluster({ dataDir: folder.path, nodes: 1 });
    expect(await jobraft('schedulers', 'reports', ...on)).toEqual(ok('The queue "reports" has no job schedulers.\n'));
    const daily = ['--pattern', '0 9 * * *', '--tz', 'Europe/Berlin'];
    expect(await jobraft('schedule', 'reports', 'daily', ...daily, ...on)).toEqual(
      ok('The job scheduler "daily" of the queue "reports" is set.\n'),
    );
    const once = ['--every', '3600000', '--name', 'report', '--data', '{"x":1}', '--limit', '9'];
    expect(json(await jobraft('schedule', 'reports', 'hourly', ...once, '--json', ...on))).toEqual({ queue: 'reports', id: 'hourly' });
    await eventually('a job waits', async () => (await jobraft('counts', 'reports', '--json', ...on)).out.includes('"waiting": 1'));
    await eventually(
      'the leader has computed the next time',
      async () => (await jobraft('schedulers', 'reports', '--json', ...on)).out.split('"next"').length === 3,
    );
    expect((await jobraft('schedulers', 'reports', ...on)).out).toMatch(
      /^id .*\n─.*\nhourly {2}report {2}every 3600000 ms .*Z {2}1 of 9 *\ndaily {3}daily {3}0 9 \* \* \* Europe\/Berlin {2}.*Z {2}0 *\n$/,
    );
    expect(json(await jobraft('job', 'reports', '1', '--json', ...on))).toMatchObject({
      name: 'report',
      data: { x: 1 },
      repeatJobKey: 'hourly',
    });
    expect((await jobraft('job', 'reports', '1', ...on)).out).toMatch(/\nscheduler {2}hourly\nscheduled {2}\d{4}-.*Z\n/);
    expect(await jobraft('unschedule', 'reports', 'daily', ...on)).toEqual(
      ok('The job scheduler "daily" of the queue "reports" is removed.\n'),
    );
    expect(await jobraft('unschedule', 'reports', 'daily', ...on)).toMatchObject({
      code: 1,
      err: expect.stringContaining('SCHEDULER_NOT_FOUND'),
    });
    expect(await jobraft('schedule', 'reports', 'x', '--pattern', 'soon', ...on)).toMatchObject({
      code: 2,
      err: expect.stringContaining('INVALID_PATTERN'),
    });
  });

  it('rejects calls in one line, with an exit code that says why', async () => {
    using folder = aFolder();
    const on = ['--data-dir', folder.path];
    await using opened = await openCluster({ dataDir: folder.path, nodes: 1 });
    await jobraft('add', 'emails', 'welcome', ...on);
    const rejected = async (...words: readonly string[]): Promise<readonly [code: number | null, error: string]> => {
      const { code, out, err } = await jobraft(...words, ...on);
      expect(out).toBe('');
      expect(err).toMatch(/^jobraft: [A-Z_]+: [^\n]+\n$/);
      return [code, err.split(': ')[1] ?? ''];
    };
    expect(await rejected('job', 'emails', '7')).toEqual([1, 'JOB_NOT_FOUND']);
    expect(await rejected('remove', 'emails', '7')).toEqual([1, 'JOB_NOT_FOUND']);
    expect(await rejected('retry', 'emails', '1')).toEqual([1, 'JOB_STATE']);
    expect(await rejected('job', 'emails', 'seven')).toEqual([1, 'JOB_NOT_FOUND']);
    expect(await rejected('job', 'emails', '007')).toEqual([2, 'INVALID_OPTION']);
    expect(await rejected('counts', '')).toEqual([2, 'INVALID_OPTION']);
    expect(await rejected('add', 'emails', 'welcome', '--priority', '9999999')).toEqual([2, 'INVALID_OPTION']);
    expect(await rejected('log', '9')).toEqual([2, 'CONFIG_INVALID']);
    expect(await rejected('transfer', '9')).toEqual([2, 'CONFIG_INVALID']);
    await opened.close();
    expect(await rejected('status', '--nodes', '5')).toEqual([2, 'CONFIG_INVALID']);
    await using host = RunningCommand.start('counts', 'emails', '--watch', ...on);
    await host.printed('waiting 1');
    expect(await rejected('status', '--nodes', '5')).toEqual([2, 'HANDSHAKE_REJECTED']);
    expect(await rejected('status', '--durability', 'off')).toEqual([2, 'HANDSHAKE_REJECTED']);
  });

  it('shows nodes, members and log, and transfers leadership', async () => {
    using folder = aFolder();
    const on = ['--data-dir', folder.path];
    await jobraft('add', 'emails', 'welcome', ...on);
    await using watch = RunningCommand.start('counts', 'emails', '--watch', ...on);
    await watch.printed('waiting 1');
    const status = await jobraft('status', ...on);
    expect(status).toMatchObject({ code: 0, err: '' });
    expect(status.out).toMatch(
      new RegExp(`^Node [123] leads; process ${watch.pid} hosts its nodes\\.\nNode  Role +Term  Commit  Applied  Lag  Running\n`),
    );
    const found = json(await jobraft('status', '--json', ...on)) as { readonly leader: number };
    const nodes = [1, 2, 3].map((node) => ({ node, isRunning: true, role: node === found.leader ? 'leader' : 'follower' }));
    expect(found).toMatchObject({ host: { pid: watch.pid, isThisCommand: false }, nodes });
    const next = (found.leader % 3) + 1;
    expect(await jobraft('transfer', String(next), ...on)).toEqual(ok(`Node ${next} leads.\n`));
    expect(json(await jobraft('members', '--json', ...on))).toMatchObject({ voters: [1, 2, 3], leader: next, isSettled: true });
    expect((await jobraft('members', ...on)).out).toContain(`\n   ${next}  voter   yes    yes\n`);
    const log = await jobraft('log', '1', '--from', '1', ...on);
    expect(log.out).toMatch(/^Index {2}Term {2}Kind +Bytes\n/);
    expect(log.err).toMatch(/^The log of node 1 has the entries 1 to \d+\.\n$/);
    await using entries = RunningCommand.start('log', String(next), '--from', '2', '--to', '3', '--json', ...on);
    await entries.ended();
    expect(entries.records.map(({ index }) => index)).toEqual([2, 3]);
    watch.signal('SIGINT');
    expect((await watch.ended()).code).toBe(130);
  });

  it('is used by several commands at once: one of them hosts the nodes', async () => {
    using folder = aFolder();
    const on = ['--data-dir', folder.path];
    const names = ['a', 'b', 'c', 'd'];
    const added = await Promise.all(names.map((name) => jobraftProcess('add', 'emails', name, '--json', ...on)));
    expect(added.map(({ code, err }) => ({ code, err }))).toEqual(names.map(() => ({ code: 0, err: '' })));
    expect(new Set(added.map((ended) => (json(ended) as { readonly id: string }).id)).size).toBe(names.length);
    expect(json(await jobraft('counts', 'emails', '--json', ...on))).toMatchObject({ waiting: names.length });
  });
});

describe('jobraft work', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  it('processes the jobs that other commands add, and prints a line for each', async () => {
    using folder = aFolder();
    const on = ['--data-dir', join(folder.path, 'data')];
    await using worker = RunningCommand.start('work', 'emails', writeProcessor(folder.path), '--concurrency', '2', ...on);
    await worker.printed('Working on the queue "emails", up to 2 jobs at a time');
    await jobraft('add', 'emails', 'welcome', '1', ...on);
    await jobraft('add', 'emails', 'fail', ...on);
    await worker.printed('completed  job 1  welcome');
    await worker.printed('attempt 1 of 1, a dead letter now  no host');
    expect(json(await jobraft('job', 'emails', '1', '--json', ...on))).toMatchObject({ state: 'completed', returnvalue: { sent: 1 } });
    expect(json(await jobraft('jobs', 'emails', 'failed', '--json', ...on))).toMatchObject({
      queue: 'emails',
      total: 1,
      jobs: [{ id: '2', name: 'fail', state: 'failed', failedReason: 'no host' }],
    });
    const failed = await jobraft('jobs', 'emails', 'failed', '--count', '1', ...on);
    expect(failed.out).toMatch(/^Job {2}Name {2}Attempts {2}Finished +Reason\n.*\n {2}2 {2}fail {2}1 of 1 +\d{4}-.*Z {2}no host\n$/);
    expect(failed.err).toBe('Positions 0 to 0 of 1 failed jobs.\n');
    expect(json(await jobraft('queues', '--json', ...on))).toMatchObject({ queues: [{ queue: 'emails', completed: 1, failed: 1 }] });
    expect(await jobraft('retry', 'emails', '2', ...on)).toEqual(ok('Job 2 waits again, with all its attempts.\n'));
    await eventually('the job failed again', async () => worker.out.split('failed').length === 3);
    worker.signal('SIGTERM');
    expect((await worker.ended()).code).toBe(143);
  });

  it('awaits the jobs that run when it is interrupted', async () => {
    using folder = aFolder();
    const on = ['--data-dir', join(folder.path, 'data')];
    await using worker = RunningCommand.start('work', 'emails', writeProcessor(folder.path), '--json', ...on);
    await worker.printed('Working on the queue');
    await jobraft('add', 'emails', 'held', '7', ...on);
    await eventually('the job is active', async () => (await jobraft('counts', 'emails', '--json', ...on)).out.includes('"active": 1'));
    worker.signal('SIGINT');
    await worker.printed('it awaits the jobs that run');
    writeFileSync(join(folder.path, 'go'), '');
    const { code, err } = await worker.ended();
    expect(code).toBe(130);
    expect(worker.records).toMatchObject([{ event: 'completed', queue: 'emails', job: '1', name: 'held', result: { sent: 7 } }]);
    expect(err.trimEnd().split('\n')).toHaveLength(2);
    expect(json(await jobraft('job', 'emails', '1', '--json', ...on))).toMatchObject({ state: 'completed' });
  });

  it('ends at the first job if its file cannot be imported, so that it does not fail every job of the queue', async () => {
    using folder = aFolder();
    const dataDir = join(folder.path, 'data');
    const on = ['--data-dir', dataDir];
    const file = join(folder.path, 'broken.mjs');
    writeFileSync(file, 'export const other = 1;');
    await using _host = await openCluster({ dataDir, nodes: 3 });
    for (const name of ['a', 'b', 'c']) await jobraft('add', 'emails', name, '--attempts', '5', ...on);
    const { code, err } = await jobraft('work', 'emails', file, ...on);
    expect(code).toBe(2);
    expect(err).toMatch(/\njobraft: PROCESSOR_FILE: The processor file .*broken\.mjs exports no function\. /);
    expect(json(await jobraft('counts', 'emails', '--json', ...on))).toMatchObject({ waiting: 3, active: 0, failed: 0 });
  });
});

describe('jobraft counts --watch', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  it('prints a line for each reading, until Ctrl-C', async () => {
    using folder = aFolder();
    const on = ['--data-dir', folder.path];
    await jobraft('add', 'emails', 'a', ...on);
    await using watch = RunningCommand.start('counts', 'emails', '--watch', '0.1', '--json', ...on);
    await eventually('there are three readings', async () => watch.records.length >= 3);
    expect(watch.records[2]).toMatchObject({ queue: 'emails', waiting: 1, isPaused: false, time: expect.stringMatching(/^\d{4}-/) });
    watch.signal('SIGINT');
    expect(await watch.ended()).toMatchObject({ code: 130, err: '' });
  });

  it('ends when no process reads its output any more', async () => {
    using folder = aFolder();
    const on = ['--data-dir', folder.path];
    await jobraft('add', 'emails', 'a', ...on);
    await using watch = RunningCommand.start('counts', 'emails', '--watch', '0.1', ...on);
    await watch.printed('waiting 1');
    watch.closeOutput();
    expect(await watch.ended()).toMatchObject({ code: 0, err: '' });
  });

  it.runIf(existsSync('/dev/full'))('ends with one line and exit code 4 when its output is on a full disk', () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, '--help'], { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' });
    closeSync(full);
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringMatching(/^jobraft: OUTPUT_FAILED: .*ENOSPC.*\. Free .*\.\n$/) });
  });

  it('leaves no lock file of a command that claimed nothing', async () => {
    using folder = aFolder();
    for (let command = 0; command < 2; command += 1) await jobraft('add', 'emails', 'a', '--data-dir', folder.path);
    expect(readdirSync(join(folder.path, 'processes'))).toEqual([]);
  });
});

describe('jobraft sim', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  it('runs seeds, and prints one JSON document', async () => {
    const ended = await jobraft('sim', '--seeds', '2', '--seconds', '1', '--nodes', '3', '--threads', '1', '--no-double-run', '--json');
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(json(ended)).toMatchObject({ seeds: 2, violations: [] });
  });

  it('rejects a file that is no trace in one line', async () => {
    using folder = aFolder();
    const { code, err } = await jobraft('sim', '--replay', join(folder.path, 'none.json'));
    expect(code).toBe(2);
    expect(err).toMatch(/^jobraft: TRACE_INVALID: The trace [^\n]+ cannot be read [^\n]+\n$/);
  });
});

describe('jobraft demo', { timeout: PROCESSES_TIMEOUT_MS }, () => {
  const folderOf = ({ records }: RunningCommand): string => String(records[0]?.dataDir);

  it('ends by itself, and leaves nothing', async () => {
    await using demo = RunningCommand.start('demo', '--seconds', '1', '--json');
    expect(await demo.ended()).toMatchObject({ code: 0, err: '' });
    const { records } = demo;
    expect(records[0]).toMatchObject({ event: 'started', nodes: 3 });
    const last = records.at(-1);
    expect(last).toMatchObject({ event: 'ended', waiting: 0, active: 0, failed: 0 });
    expect(last?.added).toBeGreaterThan(0);
    expect(last?.completed).toBe(last?.added);
    expect(existsSync(folderOf(demo))).toBe(false);
  });

  it('shows its counts, and ends cleanly at Ctrl-C', async () => {
    await using demo = RunningCommand.start('demo', '--seconds', '600', '--json');
    await eventually('there are counts', async () => demo.records.some(({ event }) => event === 'counts'));
    expect(existsSync(folderOf(demo))).toBe(true);
    demo.signal('SIGINT');
    expect(await demo.ended()).toMatchObject({ code: 130, err: '' });
    expect(demo.records.at(-1)).toMatchObject({ event: 'ended' });
    expect(existsSync(folderOf(demo))).toBe(false);
  });

  it('can be seen by other commands while it runs', async () => {
    await using demo = RunningCommand.start('demo', '--seconds', '600', '--nodes', '1', '--json');
    await eventually('it has begun', async () => demo.records.length > 0);
    expect(json(await jobraft('status', '--data-dir', folderOf(demo), '--json'))).toMatchObject({ host: { pid: demo.pid }, leader: 1 });
    demo.signal('SIGTERM');
    expect((await demo.ended()).code).toBe(143);
  });
});
