import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lineOf as demoLine } from '../../src/cli/commands/demo.ts';
import { membershipsOf } from '../../src/cli/commands/members.ts';
import { lineOf as countsLine } from '../../src/cli/commands/queues.ts';
import { lineOf as workLine } from '../../src/cli/commands/work.ts';
import { InterruptedError, unlessInterrupted } from '../../src/cli/interruption.ts';
import { interruptionText } from '../../src/cli/program.ts';
import { COMMANDS } from '../../src/cli/registry.ts';
import { packageRoot } from '../architecture/source-file.ts';
import { jobraft } from './recorded-output.ts';

const EXIT_CODES = [
  '0    done',
  '1    the call was rejected',
  '2    wrong usage',
  '3    no leader',
  '4    the output',
  '130  interrupted',
  '143  ended',
];

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('the help', () => {
  it('of the program lists every command in its group, and the exit codes', async () => {
    for (const words of [['--help'], ['help']]) {
      const { code, out, err } = await jobraft(words);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      for (const { name, group } of COMMANDS) {
        expect(out).toMatch(new RegExp(`^  ${name.split(' ')[0]}\\b`, 'm'));
        expect(out).toContain(`\n${group}:\n`);
      }
      for (const line of EXIT_CODES) expect(out).toContain(line);
    }
  });

  it.each(COMMANDS)('of $name has its arguments, its options, examples and the exit codes', async ({ name, examples, ...command }) => {
    const [first, ...second] = name.split(' ');
    for (const words of [[first ?? '', ...second, '--help'], second.length === 0 ? ['help', name] : [first ?? '', 'help', ...second]]) {
      const { code, out, err } = await jobraft(words);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toContain(`Usage: jobraft ${name} [options]`);
      for (const { long } of command.options) expect(out).toContain(long);
      expect(out).toContain('--json');
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) expect(out).toContain(`  $ ${example}`);
      for (const line of EXIT_CODES) expect(out).toContain(line);
    }
  });

  it('is printed to standard error for a command line without a command', async () => {
    const { code, out, err } = await jobraft([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: jobraft [options] [command]');
  });

  it('has the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
    expect(await jobraft(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });
});

const NOT_NAMED =
  'No cluster is named. Give its folder with --data-dir (JOBRAFT_DATA_DIR), or its nodes with --endpoints (JOBRAFT_ENDPOINTS).';

describe('a command line that is wrong', () => {
  it.each([
    [['cuonts', 'emails'], 'unknown command \'cuonts\' (Did you mean counts?) See "jobraft --help".'],
    [['counts'], 'missing required argument \'queue\'. See "jobraft counts --help".'],
    [['counts', 'a', 'b'], 'too many arguments for \'counts\'. Expected 1 argument but got 2. See "jobraft counts --help".'],
    [['counts', 'a', '--jsn'], 'unknown option \'--jsn\' (Did you mean --json?) See "jobraft counts --help".'],
    [
      ['counts', 'a', '--watch', 'soon'],
      "option '--watch [seconds]' argument 'soon' is invalid. Give a number of seconds from 0.1 to 3600. See \"jobraft counts --help\".",
    ],
    [
      ['status', '--nodes', '0'],
      "option '--nodes <count>' argument '0' is invalid. Give a whole number of at least 1. See \"jobraft status --help\".",
    ],
    [
      ['status', '--durability', 'half'],
      "option '--durability <mode>' argument 'half' is invalid. Allowed choices are full, off. See \"jobraft status --help\".",
    ],
    [
      ['log', 'one'],
      "command-argument value 'one' is invalid for argument 'node'. Give a whole number of at least 1. See \"jobraft log --help\".",
    ],
    [
      ['jobs', 'emails', 'prioritized'],
      "command-argument value 'prioritized' is invalid for argument 'state'. Allowed choices are waiting, active, delayed, completed, failed, waiting-children. See \"jobraft jobs --help\".",
    ],
    [
      ['jobs', 'emails', 'failed', '--count', '5000'],
      "option '--count <number>' argument '5000' is invalid. Give a whole number from 1 to 1000. See \"jobraft jobs --help\".",
    ],
    [['config', 'import'], 'missing required argument \'file\'. See "jobraft config import --help".'],
    [['config', 'export'], 'unknown command \'export\' (Did you mean import?) See "jobraft config --help".'],
    [
      ['config', 'import', 'old.xml', '--cluster', 'a b'],
      "option '--cluster <name>' argument 'a b' is invalid. Give a name of letters, digits, dots, dashes and underscores, 100 at most. See \"jobraft config import --help\".",
    ],
    [['sim', '--seeds', '0'], "option '--seeds <n>' argument '0' is invalid. Give a whole number from 1 on. See \"jobraft sim --help\"."],
    [
      ['restore', 'jobs.backup'],
      'No folder is named. Give the folder of the new cluster with --data-dir, or the configuration of a node with --config.',
    ],
    [
      ['restore', 'jobs.backup', '--config', 'node-1.yaml', '--nodes', '3'],
      'With --config one node is restored, and the others join it. Leave --nodes out.',
    ],
    [
      ['restore', 'jobs.backup', '--config', 'node-1.yaml', '--encryption-keys', 'other.keys'],
      'With --config the keys are those of that file ("encryption"), with which the node runs. Put the key of the backup behind its own one there, and leave --encryption-keys out.',
    ],
    [
      ['restore', 'jobs.backup', '--config', 'node-1.yaml', '--data-dir', 'restored'],
      'With --config the folder is the "dataDir" of that file. Leave --data-dir out.',
    ],
    [['status'], NOT_NAMED],
    [['status', '--data-dir', ''], NOT_NAMED],
    [
      ['status', '--data-dir', 'x', '--endpoints', '127.0.0.1:7101'],
      'Both a folder and endpoints are named. Give one of --data-dir (JOBRAFT_DATA_DIR) and --endpoints (JOBRAFT_ENDPOINTS).',
    ],
  ])('%j is reported in one line', async (words, message) => {
    expect(await jobraft(words)).toEqual({ code: 2, out: '', err: `jobraft: USAGE: ${message}\n` });
  });

  /** Arguments for each command that needs a cluster that exists. */
  const existing: readonly (readonly string[])[] = [
    ['status'],
    ['members'],
    ['transfer'],
    ['transfer', '2'],
    ['log', '1'],
    ['backup', 'jobs.backup'],
    ['counts', 'emails'],
    ['counts', 'emails', '--watch'],
    ['queues'],
    ['jobs', 'emails', 'failed'],
    ['pause', 'emails'],
    ['resume', 'emails'],
    ['limit', 'emails'],
    ['limit', 'emails', '--concurrency', 'none'],
    ['job', 'emails', '1'],
    ['retry', 'emails', '1'],
    ['remove', 'emails', '1'],
  ];

  it.each(existing.map((words) => ({ words })))('$words creates no cluster', async ({ words }) => {
    const folder = aFolder();
    const missing = join(folder, 'missing');
    const remedy = 'Name the folder of a cluster with --data-dir; "jobraft add" and "jobraft work" start a new one.';
    expect(await jobraft([...words, '--data-dir', missing])).toEqual({
      code: 2,
      out: '',
      err: `jobraft: NO_CLUSTER: The folder ${missing} does not exist, and this command creates none. ${remedy}\n`,
    });
    expect(existsSync(missing)).toBe(false);
    expect(await jobraft([...words, '--data-dir', folder])).toEqual({
      code: 2,
      out: '',
      err: `jobraft: NO_CLUSTER: The folder ${folder} has no cluster, and this command creates none. ${remedy}\n`,
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('adds no job whose data are not JSON, names the place, and creates no cluster', async () => {
    const folder = join(aFolder(), 'data');
    const remedy = `Give a JSON value, in quotes for the shell, such as '{"to":"ada@example.com"}', or "-" to read it from standard input.`;
    expect(await jobraft(['add', 'emails', 'welcome', '{to: "ada"}', '--data-dir', folder])).toEqual({
      code: 2,
      out: '',
      err: `jobraft: USAGE: The data is not JSON: "t" is unexpected at line 1, column 2. ${remedy}\n`,
    });
    expect(await jobraft(['add', 'emails', 'welcome', '-', '--data-dir', folder], { stdin: '{\n  "to":\n' })).toEqual({
      code: 2,
      out: '',
      err: `jobraft: USAGE: Standard input is not JSON: it ends too early at line 3, column 1. ${remedy}\n`,
    });
    expect(existsSync(folder)).toBe(false);
  });

  it('processes no jobs by a file that does not exist, and creates no cluster', async () => {
    const folder = join(aFolder(), 'data');
    const { code, out, err } = await jobraft(['work', 'emails', './no-such-file.js', '--data-dir', folder]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^jobraft: PROCESSOR_FILE: The processor file .*no-such-file\.js does not exist .*\n$/);
    expect(existsSync(folder)).toBe(false);
  });

  it('names a folder whose cluster.json is damaged', async () => {
    const folder = aFolder();
    writeFileSync(join(folder, 'cluster.json'), '{');
    const { code, out, err } = await jobraft(['status', '--data-dir', folder]);
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(err).toMatch(/^jobraft: STORAGE_DAMAGED: The file .*cluster\.json is not a valid manifest .*\n$/);
  });
});

describe('a command that is interrupted before it opens its cluster', () => {
  it('ends with the code of the signal, and says that nothing has changed', async () => {
    const signal = AbortSignal.abort(130);
    expect(await jobraft(['add', 'emails', 'welcome', '-', '--data-dir', aFolder()], { stdin: '1', signal })).toEqual({
      code: 130,
      out: '',
      err: 'Interrupted before anything was sent: nothing has changed.\n',
    });
  });

  it('prints nothing if it changes nothing', async () => {
    const signal = AbortSignal.abort(130);
    expect(await jobraft(['log', '1', '--data-dir', aFolder()], { signal })).toEqual({ code: 130, out: '', err: '' });
  });
});

describe('a command that is interrupted', () => {
  it('says that its call may have taken effect once its cluster is reached', async () => {
    const call = unlessInterrupted(AbortSignal.abort(130), new Promise<never>(() => undefined), true);
    await expect(call).rejects.toMatchObject({ mayHaveSent: true });
    expect(interruptionText(new InterruptedError(true), 'the job may have been added')).toBe(
      'Interrupted before the reply: the job may have been added. Look before you repeat the command.',
    );
  });

  it('has such a text if and only if it changes something', () => {
    const changing = COMMANDS.filter(({ mayHaveHappened }) => mayHaveHappened !== undefined).map(({ name }) => name);
    expect(changing.sort()).toEqual([
      'add',
      'change',
      'clean',
      'drain',
      'limit',
      'pause',
      'promote',
      'remove',
      'resume',
      'retry',
      'schedule',
      'transfer',
      'unschedule',
    ]);
  });
});

describe('a line', () => {
  const begun = { event: 'completed', job: '17', name: 'welcome\n', attemptsMade: 1, attempts: 3, durationMs: 12 } as const;

  it('of a job that was processed', () => {
    expect(workLine({ ...begun, result: 'sent' })).toMatch(/^\d\d:\d\d:\d\d {2}completed {2}job 17 {2}welcome\\n {2}12 ms$/);
    expect(workLine({ ...begun, event: 'failed', reason: 'no\nhost', isRetried: true })).toMatch(
      /failed {5}job 17 {2}welcome\\n {2}12 ms {2}attempt 1 of 3, will be tried again {2}no\\nhost$/,
    );
    expect(workLine({ ...begun, event: 'failed', attemptsMade: 3, reason: 'no host', isRetried: false })).toMatch(
      /attempt 3 of 3, a dead letter now {2}no host$/,
    );
  });

  it('of counts', () => {
    expect(countsLine({ waiting: 2, active: 1, isPaused: true })).toBe('waiting 2  active 1  paused yes');
    expect(demoLine({ seconds: 1.26, leader: undefined, added: 9, waiting: 1, active: 2, completed: 6, failed: 0 })).toBe(
      '1.3 s  leader –  added 9  waiting 1  active 2  completed 6  failed 0',
    );
  });
});

describe('the members of a cluster', () => {
  it('are listed once each, by what they are', () => {
    const found = membershipsOf({ voters: [3, 1, 2], learners: [5], joining: [4], leaving: [3], isSettled: false });
    expect(found.map(({ node, membership }) => `${node} ${membership.split(/[,:]/)[0]}`)).toEqual([
      '1 voter',
      '2 voter',
      '3 leaving',
      '4 joining',
      '5 learner',
    ]);
  });
});
