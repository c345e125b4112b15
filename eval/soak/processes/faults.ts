import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../../src/remote/index.ts';
import { caughtUp } from '../../measuring/catch-up.ts';
import { NodeProcesses } from '../../processes/node-processes.ts';
import { CannotMount, SmallDisk } from '../small-disk.ts';
import { firstSentence } from './error-text.ts';
import { misbehave } from './misbehave.ts';
import { MISBEHAVING_CLIENTS } from './misbehaving-clients.ts';
import { CannotInject, type Subject, type SubjectUnderLoad } from './subject.ts';

/** A fault of processes, injected while adds and workers go on. */
export interface ProcessFault<Of extends SubjectUnderLoad = Subject> {
  readonly name: string;
  /** How often it is injected. Default: once. */
  readonly times?: number;
  /** @returns what happened, for its line. @throws {CannotInject} */
  inject(subject: Of): Promise<string>;
}

/** Acknowledgements that show that adds go on. */
const GOES_ON_ADDS = 20;
const PAUSE_MS = 10_000;
const FOREIGN_MS = 5_000;
const FULL_MS_MAX = 60_000;
const FULL_POLL_MS = 100;
/** The free space in the files is used up soon. */
const LARGE_BYTES = 16 * 1024;
const CLOCK_MS = 5_000;
const HOUR_S = 3_600;
/** A clock that a node's start may have shifted by so much is the right one. */
const CLOCK_ERROR_S = 60;
const FAKETIME_ROOT = '/usr/lib';

/** @param kills of node processes, and of those that lead: each is started again before the next. */
export const processFaults = (kills: number, leaderKills = Math.ceil(kills / 3)): readonly ProcessFault[] => [
  { name: `SIGKILL of each node in turn, ${kills} times`, times: kills, inject: (subject) => killInTurn(subject, kills) },
  { name: `SIGKILL of the leader, ${leaderKills} times`, times: leaderKills, inject: (subject) => killLeaders(subject, leaderKills) },
  { name: `SIGSTOP of the leader for ${PAUSE_MS / 1_000} s, SIGCONT`, inject: async (subject) => pause(subject, await subject.leader()) },
  { name: `SIGSTOP of a follower for ${PAUSE_MS / 1_000} s, SIGCONT`, inject: async (subject) => pause(subject, await subject.follower()) },
  ...MISBEHAVING_CLIENTS.map(({ name }) => ({
    name,
    inject: async ({ nodes }: Subject) => {
      const replies = await Promise.all([...nodes.addresses].map(([node, address]) => misbehave({ kind: 'grpc', name, node, address })));
      return `of each node: ${[...new Set(replies)].join('; ')}`;
    },
  })),
  { name: 'a node of another cluster that dials in', inject: dialFromForeignNode },
  { name: 'the disk of a follower full, and freed', inject: async (subject) => fillDisk(subject, await subject.follower()) },
  { name: 'the disk of the leader full, and freed', inject: async (subject) => fillDisk(subject, await subject.leader()) },
  { name: 'clocks an hour apart', inject: shiftClocks },
];

async function killInTurn(subject: Subject, kills: number): Promise<string> {
  let leaders = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const id = subject.ids[kill % subject.ids.length] ?? 0;
    if (id === (await subject.leader())) leaders += 1;
    await subject.killed(id, GOES_ON_ADDS);
  }
  return `${leaders} of them led`;
}

async function killLeaders(subject: Subject, kills: number): Promise<string> {
  for (let kill = 0; kill < kills; kill += 1) await subject.killed(await subject.leader(), GOES_ON_ADDS);
  return '';
}

async function pause({ nodes, load, cluster }: Subject, id: number): Promise<string> {
  nodes.node(id).pause();
  try {
    const untilMs = performance.now() + PAUSE_MS;
    await load.progressed(GOES_ON_ADDS);
    await sleep(Math.max(0, untilMs - performance.now()));
  } finally {
    nodes.node(id).resume();
  }
  await caughtUp(cluster, id);
  return `node ${id} has caught up`;
}

/**
 * A cluster of the same name was formed on other machines, and one of its nodes is given the addresses of this one. It has an id of this
 * cluster, and never a majority.
 */
async function dialFromForeignNode(subject: Subject): Promise<string> {
  const place = { config: { nodes: subject.ids, durability: 'full' as const }, dataDir: join(subject.folder, 'other') };
  await using other = await NodeProcesses.start(place);
  await Promise.all(subject.ids.map((id) => other.node(id)[Symbol.asyncDispose]()));
  const [id = 0] = subject.ids;
  const own = other.addresses.get(id) ?? '';
  await other.begin(id, { addresses: new Map([...subject.nodes.addresses, [id, own]]) });
  await subject.load.progressed(GOES_ON_ADDS);
  await sleep(FOREIGN_MS);
  const foreign = other.node(id);
  if (!foreign.isRunning) return `it ended: ${foreign.endText}`;
  await using alone = await connect({ endpoints: [own] });
  const { state, leaderId } = await alone.status(id);
  if (state === 'leader' || leaderId !== null) throw new Error(`A node of another cluster is ${state}, with leader ${leaderId}.`);
  return `node ${id} of the other cluster stays a ${state} without a leader`;
}

async function fillDisk(subject: Subject, id: number): Promise<string> {
  const { nodes, load } = subject;
  await subject.ended(id);
  let detail: string;
  try {
    using disk = SmallDisk.mountAt(nodes.folderOf(id));
    try {
      await subject.begun(id);
      await subject.cluster.transferLeadership(id).catch(() => undefined);
      detail = await untilFull(subject, id, disk);
    } finally {
      // The files must be closed when they are moved back to their disk.
      await subject.ended(id);
    }
  } catch (error) {
    if (!(error instanceof CannotMount)) throw error;
    await subject.begun(id);
    throw new CannotInject(error.message);
  }
  await subject.begun(id);
  await load.progressed(GOES_ON_ADDS);
  return detail;
}

async function untilFull(subject: Subject, id: number, disk: SmallDisk): Promise<string> {
  const node = subject.nodes.node(id);
  const untilMs = performance.now() + FULL_MS_MAX;
  subject.load.enlarge(LARGE_BYTES);
  while (node.isRunning && performance.now() < untilMs) {
    // A file grows only when its free space is used up.
    disk.fill();
    await sleep(FULL_POLL_MS);
  }
  subject.load.enlarge(0);
  await subject.load.progressed(GOES_ON_ADDS);
  disk.free();
  if (node.isRunning) return `node ${id} goes on with the free space of its files`;
  await subject.begun(id);
  return `node ${id} ended with ${firstSentence(node.endText)}; with space again it has caught up`;
}

async function shiftClocks(subject: Subject): Promise<string> {
  const library = faketimeLibrary();
  if (library === undefined) throw new CannotInject('libfaketime is not installed (apt-get install faketime)');
  const [ahead = 0, behind = 0, right = 0] = subject.ids;
  const shifted = (hours: string): Readonly<Record<string, string>> => ({
    LD_PRELOAD: library,
    FAKETIME: hours,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  });
  const seen: string[] = [];
  // A delay ends by the leader's time of day, so that it would end an hour late under the next leader.
  await subject.load.endDelays();
  try {
    for (const [id, hours] of [
      [ahead, '+1h'],
      [behind, '-1h'],
    ] as const) {
      await subject.ended(id);
      await subject.begun(id, shifted(hours));
    }
    for (const [id, seconds] of [
      [ahead, HOUR_S],
      [behind, -HOUR_S],
      [right, 0],
    ] as const) {
      await subject.cluster.transferLeadership(id);
      await sleep(CLOCK_MS);
      await subject.load.progressed(GOES_ON_ADDS);
      seen.push(`${id} led with a clock of ${clockOf(subject, id, seconds)} s`);
    }
  } finally {
    for (const id of [ahead, behind]) {
      await subject.ended(id);
      await subject.begun(id);
    }
  }
  return seen.join(', ');
}

/** Of a node's process, against the clock of this one, in seconds. @throws when it is not as it was set. */
function clockOf(subject: Subject, id: number, expected: number): number {
  const seconds = Math.round(subject.nodes.node(id).clockAheadMs / 1_000);
  if (Math.abs(seconds - expected) > CLOCK_ERROR_S)
    throw new Error(`The clock of node ${id} differs by ${seconds} s, not by ${expected} s.`);
  return seconds;
}

/** Debian has it in a folder of its architecture. */
function faketimeLibrary(): string | undefined {
  if (!existsSync(FAKETIME_ROOT)) return undefined;
  return readdirSync(FAKETIME_ROOT)
    .map((folder) => join(FAKETIME_ROOT, folder, 'faketime', 'libfaketime.so.1'))
    .find((path) => existsSync(path));
}
