import { Argument, InvalidArgumentError, Option } from 'commander';
import { ROLES, type Role } from '../../security/roles.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { isoTime } from '../times.ts';
import { wholeNumber } from '../values.ts';

interface TokensOptions {
  readonly tokens: string;
}

interface AddOptions extends TokensOptions {
  readonly role: readonly Role[];
  readonly queues?: readonly string[];
  readonly expires?: number;
}

const DAY_MS = 86_400_000;

const tokens = (): Option =>
  new Option('--tokens <file>', 'the file of the tokens, as "access" of a node names it')
    .env('JOBRAFT_ACCESS_TOKENS')
    .default('tokens.json');

export const tokensAdd: CliCommand = {
  name: 'tokens add',
  group: 'Cluster',
  summary: 'Makes a token for a program, and prints its secret once: the file has only its hash. Running nodes accept it within 10 s.',
  arguments: [new Argument('<name>', 'the name of the program')],
  options: [
    tokens(),
    new Option('--role <list>', `what it may do: ${ROLES.join(', ')}; several separated by commas`).argParser(roles).makeOptionMandatory(),
    new Option('--queues <list>', 'the only queues that it may use (default: all)').argParser(names),
    new Option('--expires <days>', 'how long it is valid (default: until it is revoked)').argParser(days),
  ],
  json: 'document',
  examples: [
    'jobraft tokens add web --role producer --queues mails,invoices',
    'jobraft tokens add mailer --role producer,worker --expires 90d',
    'jobraft tokens add ada --role operator --json',
  ],
  async run({ args: [name], options, output, isJson }: Invocation<readonly [name: string], AddOptions>) {
    const { file, module } = await openFile(options);
    if (!module.TOKEN_NAME.test(name))
      throw new UsageError(`"${name}" is no name of a token. Use letters, digits, dots, dashes and underscores, 100 at most.`);
    const nowMs = Date.now();
    const { role, queues, expires } = options;
    const expiresMs = expires === undefined ? undefined : nowMs + expires * DAY_MS;
    const token = file.add({ name, roles: role, queues, nowMs, expiresMs });
    if (isJson) output.document({ name, roles: role, queues, expires: expiresMs === undefined ? undefined : isoTime(expiresMs), token });
    else output.line(token);
  },
};

export const tokensList: CliCommand = {
  name: 'tokens list',
  group: 'Cluster',
  summary: 'Shows the tokens, without their secrets.',
  arguments: [],
  options: [tokens()],
  json: 'document',
  examples: ['jobraft tokens list', 'jobraft tokens list --tokens /etc/jobraft/tokens.json --json'],
  async run({ options, output, isJson }: Invocation<readonly [], TokensOptions>) {
    const { file } = await openFile(options);
    const listed = file.list().map(({ sha256: _, ...token }) => token);
    if (isJson) output.document(listed);
    else
      output.table(
        ['name', 'roles', 'queues', 'created', 'expires'],
        listed.map(({ name, roles, queues, created, expires }) => [
          ...[name, roles.join(', '), queues?.join(', ') ?? 'all', created],
          expires === undefined ? 'never' : `${expires}${Date.parse(expires) <= Date.now() ? ' (over)' : ''}`,
        ]),
      );
  },
};

export const tokensRevoke: CliCommand = {
  name: 'tokens revoke',
  group: 'Cluster',
  summary: 'Takes a token back: within 10 s nodes reject it, and end what its bearer has open.',
  arguments: [new Argument('<name>', 'the name of the token')],
  options: [tokens()],
  json: 'document',
  examples: ['jobraft tokens revoke web'],
  async run({ args: [name], options, output, isJson }: Invocation<readonly [name: string], TokensOptions>) {
    const { file } = await openFile(options);
    file.revoke(name);
    if (isJson) output.document({ revoked: name });
    else output.line(`The token "${name}" is revoked.`);
  },
};

/** Loaded by these commands alone. */
async function openFile({ tokens: path }: TokensOptions) {
  const module = await import('../../security/token-file.ts');
  return { module, file: new module.TokenFile(path) };
}

function roles(list: string): readonly Role[] {
  return names(list).map((text) => {
    const role = ROLES.find((known) => known === text);
    if (role === undefined) throw new InvalidArgumentError(`Give some of ${ROLES.join(', ')}, separated by commas.`);
    return role;
  });
}

function names(list: string): readonly string[] {
  const given = [...new Set(list.split(',').map((name) => name.trim()))];
  if (given.includes('')) throw new InvalidArgumentError('Give names, separated by commas.');
  return given;
}

/** `90d`, or `90`. */
function days(text: string): number {
  return wholeNumber(1, 36_500)(text.replace(/d$/, ''));
}
