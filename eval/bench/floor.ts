import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import { probeFdatasync } from '../measuring/environment.ts';
import { median } from '../measuring/statistics.ts';
import { type BenchMeasure, nodeCountOf } from './bench-measure.ts';
import { commitsAtOnceMs } from './commits-at-once.ts';
import { FLOOR } from './figure.ts';
import { FloorDatabase } from './floor-database.ts';

const COMMITS = 300;
const COMMITS_AT_ONCE = 200;
const MESSAGE_BYTES = 64;
const ROUND_TRIPS = 2000;
const WARM_UP_SHARE = 0.25;

/**
 * The machine's own times for the parts of a durable reply, a lower bound for any design. The commits of several files at the same time
 * are those of a cluster on one disk: as many files as nodes, each in its own thread, started together; the slowest of each round counts.
 */
export const floor: BenchMeasure = {
  label: 'floor',
  expectedMs: 520,
  when: 'every-round',
  figures: [
    { name: FLOOR.fdatasync, unit: 'ms', better: 'less', floor: 'none', isCondition: true },
    { name: FLOOR.commit, unit: 'ms', better: 'less', floor: 'none', isCondition: true },
    { name: FLOOR.commitOfNodes, unit: 'ms', better: 'less', floor: 'none', isCondition: true },
    { name: FLOOR.roundTrip, unit: 'ms', better: 'less', floor: 'none', isCondition: true },
  ],
  measure: async ({ dataDir, config }) => {
    mkdirSync(dataDir, { recursive: true });
    const atOnceMs = await commitsAtOnceMs(dataDir, nodeCountOf(config), COMMITS_AT_ONCE);
    return [
      { figure: FLOOR.fdatasync, unit: 'ms', value: probeFdatasync(dataDir).p50Ms },
      { figure: FLOOR.commit, unit: 'ms', value: sqliteCommitMs(dataDir, COMMITS) },
      { figure: FLOOR.commitOfNodes, unit: 'ms', value: warmMedianMs(atOnceMs) },
      { figure: FLOOR.roundTrip, unit: 'ms', value: await portRoundTripMs() },
    ];
  },
};

const PROBE_COMMITS = 80;

/**
 * SQLite's commits alone, between any two measures: a disk that is slow for a while would distort a floor that is measured once a round.
 */
export const commitProbe: BenchMeasure = {
  label: 'floor: commits',
  expectedMs: 58,
  when: 'every-round',
  figures: [],
  measure: async ({ dataDir }) => {
    mkdirSync(dataDir, { recursive: true });
    return [{ figure: FLOOR.commit, unit: 'ms', value: sqliteCommitMs(dataDir, PROBE_COMMITS) }];
  },
};

const BLOCK_BYTES = 1_048_576;
const BLOCKS = 32;

/**
 * The disk's own speed for large writes that are synced one by one, in MB/s (10^6 B): into one file, and into one file a node at the
 * same time, where every byte counts once although each file gets it. A cluster on one disk cannot be faster than the second.
 */
export const diskLimit: BenchMeasure = {
  label: 'disk limit',
  expectedMs: 330,
  when: 'every-round',
  figures: [
    { name: FLOOR.disk, unit: 'MB/s', better: 'more', floor: 'none', isCondition: true },
    { name: FLOOR.diskOfNodes, unit: 'MB/s', better: 'more', floor: 'none', isCondition: true },
  ],
  measure: async ({ dataDir, config }) => {
    mkdirSync(dataDir, { recursive: true });
    return [
      { figure: FLOOR.disk, unit: 'MB/s', value: syncedWritesPerSecond(dataDir) },
      { figure: FLOOR.diskOfNodes, unit: 'MB/s', value: await syncedWritesAtOnce(dataDir, nodeCountOf(config)) },
    ];
  },
};

function syncedWritesPerSecond(folder: string): number {
  const file = join(folder, 'disk-limit');
  const block = Buffer.alloc(BLOCK_BYTES, 1);
  const handle = openSync(file, 'w');
  try {
    const before = performance.now();
    for (let at = 0; at < BLOCKS; at += 1) {
      writeSync(handle, block);
      fdatasyncSync(handle);
    }
    return megabytesPerSecond(BLOCKS, performance.now() - before);
  } finally {
    closeSync(handle);
    rmSync(file, { force: true });
  }
}

async function syncedWritesAtOnce(folder: string, files: number): Promise<number> {
  const block = Buffer.alloc(BLOCK_BYTES, 1);
  const paths = Array.from({ length: files }, (_, at) => join(folder, `disk-limit-${at}`));
  const handles = await Promise.all(paths.map((path) => open(path, 'w')));
  try {
    const before = performance.now();
    await Promise.all(
      handles.map(async (handle) => {
        for (let at = 0; at < BLOCKS; at += 1) {
          await handle.write(block);
          await handle.datasync();
        }
      }),
    );
    return megabytesPerSecond(BLOCKS, performance.now() - before);
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
    for (const path of paths) rmSync(path, { force: true });
  }
}

const megabytesPerSecond = (blocks: number, tookMs: number): number => (blocks * BLOCK_BYTES) / 1e6 / (tookMs / 1000);

/** One row in one transaction under the nodes' settings: WAL, synchronous=FULL. */
function sqliteCommitMs(folder: string, commits: number): number {
  using database = new FloorDatabase(join(folder, `floor-${process.pid}.db`));
  return medianMs(commits, () => database.commit());
}

const ECHO = "const { workerData } = require('node:worker_threads'); workerData.on('message', (m) => workerData.postMessage(m));";

/** Round trips between two threads. */
async function portRoundTripMs(): Promise<number> {
  const { port1: port, port2: far } = new MessageChannel();
  const echo = new Worker(ECHO, { eval: true, workerData: far, transferList: [far] });
  const tookMs: number[] = [];
  try {
    const message = new Uint8Array(MESSAGE_BYTES);
    for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
      const before = performance.now();
      const reply = new Promise((resolve) => port.once('message', resolve));
      port.postMessage(message);
      await reply;
      tookMs.push(performance.now() - before);
    }
  } finally {
    port.close();
    await echo.terminate();
  }
  return warmMedianMs(tookMs);
}

function medianMs(count: number, act: () => void): number {
  const tookMs: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const before = performance.now();
    act();
    tookMs.push(performance.now() - before);
  }
  return warmMedianMs(tookMs);
}

const warmMedianMs = (tookMs: readonly number[]): number => median(tookMs.slice(tookMs.length * WARM_UP_SHARE));
