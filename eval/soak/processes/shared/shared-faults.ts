import { setTimeout as sleep } from 'node:timers/promises';
import { longestSilenceMs } from '../../../measuring/acknowledgements.ts';
import { systemClock } from '../../../measuring/clock.ts';
import { median } from '../../../measuring/statistics.ts';
import { CannotMount, SmallDisk } from '../../small-disk.ts';
import type { ProcessFault } from '../faults.ts';
import { misbehave } from '../misbehave.ts';
import { CannotInject } from '../subject.ts';
import type { SharedSubject } from './shared-subject.ts';
import { SOCKET_CLIENTS, socketsOf } from './socket-clients.ts';

export type SharedFault = ProcessFault<SharedSubject>;

/** Acknowledgements that show that adds go on. */
const GOES_ON_ADDS = 20;
const WAITING_JOBS = 10_000;
const PAUSE_MS = 10_000;
const HELD_JOBS = 10;
const FULL_MS_MAX = 60_000;
const FULL_POLL_MS = 100;
/** The free space in the files is used up soon. */
const LARGE_BYTES = 16 * 1024;
/** The next host tries to start the nodes several times. */
const FULL_HOSTLESS_MS = 5_000;

/** @param kills of the process that hosts the nodes, and of one that holds leases; another one is started in its place each time. */
export const sharedFaults = (kills: number, holderKills = Math.ceil(kills / 3)): readonly SharedFault[] => [
  { name: `SIGKILL of the host, ${kills} times`, times: kills, inject: (subject) => killHosts(subject, kills) },
  { name: `SIGSTOP of the host for ${PAUSE_MS / 1_000} s, SIGCONT`, inject: pauseHost },
  {
    name: `SIGKILL of a process with ${HELD_JOBS} leases that is not the host, ${holderKills} times`,
    times: holderKills,
    inject: (subject) => killHolders(subject, holderKills),
  },
  ...SOCKET_CLIENTS.map(({ name }) => ({
    name,
    inject: async ({ dataDir, nodes }: SharedSubject) => {
      const replies = await Promise.all(socketsOf(dataDir, nodes).map((socket) => misbehave({ kind: 'socket', name, socket })));
      return `of the host and of each node: ${[...new Set(replies)].join('; ')}`;
    },
  })),
  { name: 'the disk full, and freed', inject: (subject) => fillDisk(subject, startNodes) },
  { name: 'the disk full, the host killed, and freed', inject: (subject) => fillDisk(subject, killHost) },
];

async function killHosts(subject: SharedSubject, kills: number): Promise<string> {
  const { load } = subject;
  const [first] = subject.running;
  const missing = WAITING_JOBS - ((await first?.call('waiting')) ?? 0);
  await first?.call('addWaiting', missing);
  const outagesMs: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const host = await subject.host();
    load.takeAcknowledgedMs();
    await load.progressed(GOES_ON_ADDS);
    const killMs = systemClock.nowMs();
    await subject.killed(host);
    await subject.host();
    await load.progressed(GOES_ON_ADDS);
    outagesMs.push(longestSilenceMs(load.takeAcknowledgedMs(), killMs));
    await subject.begin();
    await load.progressed(GOES_ON_ADDS);
  }
  const waiting = await (await subject.host()).call('waiting');
  if (waiting !== WAITING_JOBS) throw new Error(`${waiting} of ${WAITING_JOBS} jobs that no worker takes are waiting.`);
  return `with ${WAITING_JOBS} jobs waiting; no add was acknowledged for ${describeMs(outagesMs)}`;
}

const describeMs = (values: readonly number[]): string =>
  `${median(values).toFixed(0)} ms in the median, ${Math.max(...values).toFixed(0)} ms at most`;

async function pauseHost(subject: SharedSubject): Promise<string> {
  const host = await subject.host();
  host.process.pause();
  try {
    await sleep(PAUSE_MS);
  } finally {
    host.process.resume();
  }
  await subject.load.progressed(GOES_ON_ADDS);
  return (await subject.host()) === host ? 'it goes on as the host' : 'another process hosts the nodes';
}

async function killHolders(subject: SharedSubject, kills: number): Promise<string> {
  const releasedMs: number[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const host = await subject.host();
    const [dying, living] = await subject.others(host);
    const ofDying = await dying.call('hold', HELD_JOBS);
    const ofLiving = await living.call('hold', HELD_JOBS);
    const killMs = systemClock.nowMs();
    await subject.killed(dying);
    const taken = await host.call('takeHeld', HELD_JOBS);
    releasedMs.push(systemClock.nowMs() - killMs);
    if (!isSame(taken, ofDying))
      throw new Error(`Jobs ${taken} were taken, and the killed process held ${ofDying}, the living one ${ofLiving}.`);
    const kept = await living.call('letGo');
    if (!isSame(kept, ofLiving)) throw new Error(`The living process held ${ofLiving}, and completed ${kept}.`);
    await subject.load.progressed(GOES_ON_ADDS);
    await subject.begin();
  }
  return `another process completed them ${describeMs(releasedMs)} after the kill; those of a living one stayed leased`;
}

const isSame = (jobs: readonly string[], others: readonly string[]): boolean =>
  jobs.length === others.length && jobs.every((job) => others.includes(job));

/** @param remedy with space again. @returns what it was. */
async function fillDisk(subject: SharedSubject, remedy: (subject: SharedSubject, disk: SmallDisk) => Promise<string>): Promise<string> {
  await subject.end();
  try {
    using disk = SmallDisk.mountAt(subject.dataDir);
    try {
      await subject.begin();
      const stopped = await untilFull(subject, disk);
      return `${stopped} of ${subject.nodes.length} nodes stopped; ${await remedy(subject, disk)}`;
    } finally {
      // The files must be closed when they are moved back to their disk.
      await subject.end();
    }
  } catch (error) {
    if (error instanceof CannotMount) throw new CannotInject(error.message);
    throw error;
  } finally {
    await subject.begin();
  }
}

/** @returns how many nodes stopped: a majority. */
async function untilFull(subject: SharedSubject, disk: SmallDisk): Promise<number> {
  const host = await subject.host();
  const untilMs = performance.now() + FULL_MS_MAX;
  await subject.load.progressed(GOES_ON_ADDS);
  await subject.load.enlarge(LARGE_BYTES);
  for (;;) {
    // A file grows only when its free space is used up.
    disk.fill();
    await sleep(FULL_POLL_MS);
    const stopped = subject.nodes.length - (await host.call('running'));
    if (stopped > subject.nodes.length / 2) {
      await subject.load.enlarge(0);
      return stopped;
    }
    if (performance.now() > untilMs) throw new Error(`On a full disk ${stopped} nodes stopped within ${FULL_MS_MAX / 1_000} s.`);
  }
}

/** By a process that is not the host. */
async function startNodes(subject: SharedSubject, disk: SmallDisk): Promise<string> {
  const [other] = await subject.others(await subject.host());
  disk.free();
  await other.call('startStopped');
  await subject.load.progressed(GOES_ON_ADDS);
  return 'with space again they were started';
}

async function killHost(subject: SharedSubject, disk: SmallDisk): Promise<string> {
  await subject.killed(await subject.host());
  await sleep(FULL_HOSTLESS_MS);
  disk.free();
  await subject.load.progressed(GOES_ON_ADDS);
  await subject.begin();
  return `the host was killed; with space again, after ${FULL_HOSTLESS_MS / 1_000} s, another one took over by itself`;
}
