import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, Queue } from '../../src/index.ts';
import { connect } from '../../src/remote/index.ts';
import { CertificateFolder } from '../../src/security/certificate-folder.ts';
import { TokenFile } from '../../src/security/token-file.ts';
import type { NodeOptions } from '../../src/server/index.ts';
import { type LatencySummary, samplesNeeded, summarizeLatency } from '../measuring/latency-summary.ts';
import { UserError } from '../measuring/user-error.ts';
import { freeAddresses } from '../processes/free-addresses.ts';
import { TaskProcess } from '../processes/task-process.ts';
import type { BareServerTask, CrowdReport, CrowdTask } from './crowd-task.ts';

const NODES = [1, 2, 3];
const CERTIFICATE = { hosts: ['127.0.0.1', 'localhost'], days: 1, isRenewal: false };
/** Of one client; the well-behaved one asks for less. */
const REQUESTS_PER_SECOND_MAX = 500;
const WARM_UP_MS = 2_000;
const DEADLINE_MS = 60_000;
const RATIO_MAX = 2;
const P99 = 99;
const BARE_SERVER_FILE = fileURLToPath(new URL('./bare-server.js', import.meta.url));
const CROWD_FILE = fileURLToPath(new URL('./crowd-process.js', import.meta.url));

export interface CrowdSettings {
  readonly clients: number;
  readonly seconds: number;
  readonly rate: number;
}

/** The certificates and tokens of all, and what the nodes are given. */
async function secured(folder: string, addresses: readonly string[]) {
  const certificates = new CertificateFolder(join(folder, 'certs'));
  const nowMs = Date.now();
  await certificates.makeAuthority('crowd', 1, nowMs);
  const ca = certificates.authority.certificate;
  const tlsOf = async (owner: Parameters<CertificateFolder['make']>[0]) => ({
    ca,
    ...(await certificates.make(owner, { ...CERTIFICATE, nowMs })),
  });
  const tokens = new TokenFile(join(folder, 'tokens.json'));
  const good = { tls: await tlsOf({ type: 'client', name: 'good' }), token: tokens.add({ name: 'good', roles: ['producer'], nowMs }) };
  const bad = { tls: await tlsOf({ type: 'client', name: 'bad' }), token: tokens.add({ name: 'bad', roles: ['producer'], nowMs }) };
  const nodes = NODES.map((id, at) => ({ id, address: addresses[at] ?? '' }));
  const certified = await Promise.all(nodes.map(async (node) => ({ ...node, tls: await tlsOf({ type: 'node', node: node.id }) })));
  const options = certified.map(
    ({ id, tls }): NodeOptions => ({
      ...{ id, cluster: 'crowd', nodes, dataDir: join(folder, `node-${id}`), tls },
      ...{ access: { tokens: join(folder, 'tokens.json') }, clientRequestsPerSecondMax: REQUESTS_PER_SECOND_MAX },
      ...{ clientConnectionsMax: 200, clientCallsMax: 500 },
    }),
  );
  return { good, bad, options, bare: certified.map(({ tls }) => tls) };
}

/** Adds at fixed times. A latency counts from the time at which the add was due. @throws when an add fails. */
async function measure(queue: Queue, { seconds, rate }: CrowdSettings): Promise<LatencySummary> {
  const latenciesMs: number[] = [];
  const calls: Promise<void>[] = [];
  const beginMs = performance.now();
  for (let at = 0; at < seconds * rate; at += 1) {
    const dueMs = beginMs + (at * 1_000) / rate;
    const earlyMs = dueMs - performance.now();
    if (earlyMs > 0) await sleep(earlyMs);
    calls.push(queue.add('job', at).then(() => void latenciesMs.push(performance.now() - dueMs)));
  }
  await Promise.all(calls);
  return summarizeLatency(latenciesMs);
}

function printed(name: string, { count, p50Ms, p99Ms, maxMs }: LatencySummary): void {
  console.log(`${name.padEnd(8)} ${count} adds, p50 ${p50Ms} ms, p99 ${p99Ms} ms, longest ${maxMs} ms`);
}

/** @param folder an empty one. */
export async function measureBesideCrowd(settings: CrowdSettings, folder: string): Promise<void> {
  if (settings.seconds * settings.rate < samplesNeeded(P99))
    throw new UserError(`A p99 needs ${samplesNeeded(P99)} adds: raise --seconds or --rate.`);
  const addresses = await freeAddresses(NODES.length);
  const { options, ...certified } = await secured(folder, addresses);
  const processes = options.map((each) => new TaskProcess({ type: 'node', options: each }));
  try {
    await Promise.all(processes.map((each) => each.ready()));
    await compare(settings, addresses, certified);
  } finally {
    await Promise.all(processes.map((each) => each[Symbol.asyncDispose]()));
  }
}

type Credentials = Pick<CrowdTask, 'tls' | 'token'>;

interface Certified {
  readonly good: Credentials;
  readonly bad: Credentials;
  /** Of the nodes: servers that are none show them, too. */
  readonly bare: readonly BareServerTask['tls'][];
}

async function compare(settings: CrowdSettings, addresses: readonly string[], { good, bad, bare }: Certified): Promise<void> {
  await using cluster = await connect({ endpoints: addresses, ...good, timeoutMs: DEADLINE_MS });
  await using client = new Client(cluster, { deadlineMs: DEADLINE_MS });
  await using queue = new Queue('work', { connection: client });
  await measure(queue, { ...settings, seconds: WARM_UP_MS / 1_000 });
  const alone = await measure(queue, settings);
  printed('alone', alone);
  const control = await besideBareServers(queue, settings, bare, bad);
  const beside = await besideCrowd(queue, settings, { addresses, clients: settings.clients, ...bad }, 'beside');
  const timesAlone = ({ p99Ms }: LatencySummary): number => (p99Ms ?? Number.NaN) / (alone.p99Ms ?? Number.NaN);
  const [ratio, least] = [timesAlone(beside), timesAlone(control)];
  console.log(
    `p99 beside them is ${ratio.toFixed(2)} times that alone; below ${RATIO_MAX} is wanted. With the same clients at other servers of ` +
      `this machine it is ${least.toFixed(2)} times: the processor time of the clients, and of what any server does for them.`,
  );
  if (!(ratio < RATIO_MAX)) process.exitCode = 1;
}

/** The same clients at servers that only take connections and reject calls: no node could do less for them. */
async function besideBareServers(
  queue: Queue,
  settings: CrowdSettings,
  bare: readonly BareServerTask['tls'][],
  bad: Credentials,
): Promise<LatencySummary> {
  const addresses = await freeAddresses(bare.length);
  const servers = bare.map((tls, at) => new TaskProcess<BareServerTask>({ address: addresses[at] ?? '', tls }, { file: BARE_SERVER_FILE }));
  try {
    await Promise.all(servers.map((server) => server.ready()));
    return await besideCrowd(queue, settings, { addresses, clients: settings.clients, ...bad }, 'control');
  } finally {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  }
}

async function besideCrowd(queue: Queue, settings: CrowdSettings, task: CrowdTask, name: string): Promise<LatencySummary> {
  let report: CrowdReport | undefined;
  const onMessage = (message: unknown): void => {
    // The only cast: the entry sends nothing else.
    report = message as CrowdReport;
  };
  await using crowd = new TaskProcess(task, { file: CROWD_FILE, onMessage });
  await crowd.ready();
  await sleep(WARM_UP_MS);
  const summary = await measure(queue, settings);
  printed(name, summary);
  console.log(`The ${settings.clients} misbehaving clients, until now: ${JSON.stringify(report)}`);
  return summary;
}
