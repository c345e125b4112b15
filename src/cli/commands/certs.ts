import { hostname } from 'node:os';
import { Argument, InvalidArgumentError, Option } from 'commander';
import { type CertificateOwner, CLIENT_NAME } from '../../security/certificate-owner.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import type { Output } from '../output.ts';
import { wholeNumber } from '../values.ts';

interface CertsOptions {
  readonly out: string;
  readonly days: number;
  readonly hosts?: readonly string[];
  readonly renew?: true;
}

const DAYS = 365;
const AUTHORITY_DAYS = 3650;
const LOOPBACK = ['localhost', '127.0.0.1', '::1'];

const out = (): Option => new Option('--out <folder>', 'the folder of the authority and its certificates').default('certs');
const days = (count: number): Option => new Option('--days <count>', 'how long it is valid').argParser(wholeNumber(1)).default(count);
const renew = (): Option => new Option('--renew', 'replace the certificate and its key; running nodes use them within 10 s');

export const certsCa: CliCommand = {
  name: 'certs ca',
  group: 'Cluster',
  summary: 'Makes a certificate authority for one cluster. Who has its key can make certificates: keep it off the nodes.',
  arguments: [],
  options: [out(), days(AUTHORITY_DAYS)],
  json: 'document',
  examples: ['jobraft certs ca', 'jobraft certs ca --out /etc/jobraft/certs --days 1825'],
  async run({ options, output, isJson }: Invocation<readonly [], CertsOptions>) {
    const folder = await openFolder(options.out);
    print(await folder.makeAuthority('jobraft certificate authority', options.days, Date.now()), output, isJson);
  },
};

export const certsNode: CliCommand = {
  name: 'certs node',
  group: 'Cluster',
  summary: 'Makes the certificate of one node, by which the others and clients know it.',
  arguments: [new Argument('<id>', "the node's id").argParser(wholeNumber(1))],
  options: [
    out(),
    days(DAYS),
    new Option(
      '--hosts <list>',
      'names and IP addresses at which the node is reached (default: this machine, by its name and loopback; with --renew those of the certificate)',
    ).argParser((list) => list.split(',').map(host)),
    renew(),
  ],
  json: 'document',
  examples: ['jobraft certs node 1', 'jobraft certs node 2 --hosts node2,10.0.0.2', 'jobraft certs node 1 --renew'],
  async run({ args: [node], options, output, isJson }: Invocation<readonly [node: number], CertsOptions>) {
    const owner = { type: 'node', node } as const;
    const hosts = options.hosts ?? (options.renew === true ? (await openFolder(options.out)).hostsOf(owner) : undefined);
    await make(owner, hosts ?? [hostname(), ...LOOPBACK], options, output, isJson);
  },
};

export const certsClient: CliCommand = {
  name: 'certs client',
  group: 'Cluster',
  summary: 'Makes the certificate of a client, with which no program can speak as a node.',
  arguments: [new Argument('<name>', 'the name of the client')],
  options: [out(), days(DAYS), renew()],
  json: 'document',
  examples: ['jobraft certs client web', 'jobraft certs client web --renew --days 30'],
  async run({ args: [name], options, output, isJson }: Invocation<readonly [name: string], CertsOptions>) {
    if (!CLIENT_NAME.test(name))
      throw new UsageError(`"${name}" is no name of a client. Use letters, digits, dots, dashes and underscores, 100 at most.`);
    await make({ type: 'client', name }, [], options, output, isJson);
  },
};

async function make(
  owner: CertificateOwner,
  hosts: readonly string[],
  options: CertsOptions,
  output: Output,
  isJson: boolean,
): Promise<void> {
  const folder = await openFolder(options.out);
  const isRenewal = options.renew === true;
  print(await folder.make(owner, { hosts, days: options.days, nowMs: Date.now(), isRenewal }), output, isJson);
}

/** Loaded by these commands alone. */
async function openFolder(path: string) {
  const { CertificateFolder } = await import('../../security/certificate-folder.ts');
  return new CertificateFolder(path);
}

function print(files: { readonly certificate: string; readonly key: string }, output: Output, isJson: boolean): void {
  if (isJson) output.document(files);
  else output.line(`Certificate: ${files.certificate}\nKey:         ${files.key}`);
}

function host(text: string): string {
  const name = text.trim();
  if (!/^[A-Za-z0-9.:-]{1,253}$/.test(name))
    throw new InvalidArgumentError('Give names and IP addresses, separated by commas: node1,10.0.0.1.');
  return name;
}
