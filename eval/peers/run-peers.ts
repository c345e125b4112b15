import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { machineLine, probeFdatasync, recordEnvironment } from '../measuring/environment.ts';
import { formatNumber, textTable } from '../measuring/format.ts';
import { INTERRUPTED_EXIT_CODE, listenForInterruption } from '../measuring/interruption.ts';
import { currentCommit } from '../measuring/provenance.ts';
import { ResultsFolder } from '../measuring/results-folder.ts';
import { messageOf } from '../measuring/user-error.ts';
import { PEER_MEASURES } from './all-measures.ts';
import type { Peer, RunningPeer } from './peer.ts';
import { ADDS_MEASURE } from './peer-measures.ts';
import { type MeasuredSystem, PeerResults, type PeerSummary } from './peer-results.ts';

export interface PeersRequest {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly seconds: number;
  /** How long each rate of the open loop is offered. */
  readonly loadSeconds: number;
  readonly seed: number;
  readonly out: string;
  /** A folder for the servers' data, removed afterwards; it must not exist yet. */
  readonly dataDir: string;
  readonly print: (line: string) => void;
}

/** Minimum number of each fault of the leader in a session: the outage is reported as their median. */
const FAULTS = 5;

/**
 * Every system once, each from a fresh start, then all again: a disturbance of the machine affects all alike.
 * @returns the process's exit code.
 */
export async function runPeers(request: PeersRequest): Promise<number> {
  const { peers, rounds, seconds, print } = request;
  const folder = ResultsFolder.open(request.out);
  const environment = recordEnvironment(folder.path, folder.environmentFile, new Date());
  const file = folder.peersFile;
  print(machineLine(folder.path));
  const results = new PeerResults(file, { started: new Date().toISOString(), commit: currentCommit(), environment, seconds });
  for (const peer of peers) {
    const missing = peer.missing();
    if (missing !== undefined) print(`${peer.name}: skipped, ${missing}`);
  }
  const present = peers.filter((peer) => peer.missing() === undefined);
  using interruption = listenForInterruption(() => print('Interrupted: the figures so far are kept; the servers are being stopped.'));
  try {
    for (let round = 1; round <= rounds && !interruption.signal.aborted; round += 1) {
      print(`Round ${round} of ${rounds}`);
      measureMachine(request.dataDir, results);
      // Each round begins with another system, so that none always comes first.
      const first = (round - 1) % present.length;
      for (const peer of [...present.slice(first), ...present.slice(0, first)]) {
        if (!interruption.signal.aborted) await measurePeer(peer, round, request, results, interruption.signal);
      }
    }
  } finally {
    rmSync(request.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
  const summaries = results.summaries();
  const floor = summaries.find(({ system }) => system === MACHINE);
  print(`\n${peersTable(summaries)}\n`);
  if (floor !== undefined) print(`${floor.measure}: ${formatNumber(floor.value)} ${floor.unit}`);
  for (const { name, durability } of present) print(`${name}: ${durability}`);
  print(`\nRows: ${file}`);
  return interruption.signal.aborted ? INTERRUPTED_EXIT_CODE : 0;
}

const MACHINE: MeasuredSystem = {
  name: 'this machine',
  version: process.version,
  client: '',
  nodes: 1,
  durability: 'What one durable write costs here; no design can go below.',
  completion: '',
  settings: '',
};

function measureMachine(folder: string, results: PeerResults): void {
  mkdirSync(folder, { recursive: true });
  results.add(MACHINE, [{ measure: 'floor: fdatasync, 4 KiB', unit: 'ms', value: probeFdatasync(folder).p50Ms }]);
}

/** A peer that fails is printed and recorded as a row; the others continue. */
async function measurePeer(peer: Peer, round: number, request: PeersRequest, results: PeerResults, signal: AbortSignal): Promise<void> {
  const { seconds, loadSeconds, rounds, seed, print } = request;
  const { name, nodes, durability, completion, settings } = peer;
  let system: MeasuredSystem = { name, version: '', client: '', nodes, durability, completion, settings };
  const failed = (what: string, error: unknown): void => {
    if (signal.aborted) return;
    print(`  ${name}: ${what} failed: ${messageOf(error)}`);
    results.fail(system, what, messageOf(error));
  };
  const folder = join(request.dataDir, `${peer.id}-${round}`);
  let running: RunningPeer | undefined;
  try {
    running = await peer.start({ folder, seed: seed + round });
    system = { ...system, version: running.version, client: running.client };
    for (const { label, measure } of PEER_MEASURES) {
      if (signal.aborted) break;
      try {
        const addsPerSecond = results.firstValue(name, ADDS_MEASURE);
        const measureSettings = { seconds, loadSeconds, addsPerSecond, faults: Math.ceil(FAULTS / rounds), seed: seed + round, signal };
        const figures = await measure(peer, running, measureSettings);
        if (signal.aborted) break;
        results.add(system, figures);
        for (const figure of figures) print(`  ${name}: ${figure.measure}: ${formatNumber(figure.value)} ${figure.unit}`);
      } catch (error) {
        failed(label, error);
      }
    }
  } catch (error) {
    failed('the start', error);
  } finally {
    await stopped(running, (error) => failed('the stop', error));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function stopped(running: RunningPeer | undefined, onError: (error: unknown) => void): Promise<void> {
  try {
    await running?.stop();
  } catch (error) {
    onError(error);
  }
}

/** A row for each system and a column for each measure: medians, with the range over the rounds. */
function peersTable(summaries: readonly PeerSummary[]): string {
  const measured = summaries.filter(({ system }) => system !== MACHINE);
  const measures = [...new Set(measured.map(({ measure }) => measure))];
  const names = [...new Set(measured.map(({ system }) => system.name))];
  const cell = (name: string, measure: string): string => {
    const found = measured.find((summary) => summary.system.name === name && summary.measure === measure);
    return found === undefined ? '–' : `${formatNumber(found.value)} (${formatNumber(found.low)}–${formatNumber(found.high)})`;
  };
  const unitOf = (measure: string): string => measured.find((summary) => summary.measure === measure)?.unit ?? '';
  return textTable(
    ['Measure', ...names],
    measures.map((measure) => [`${measure} (${unitOf(measure)})`, ...names.map((name) => cell(name, measure))]),
  );
}
