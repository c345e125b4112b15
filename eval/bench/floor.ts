import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { MessageChannel, Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { probeFdatasync } from '../environment.ts';
import { median } from '../statistics.ts';

/** What the machine itself takes for the parts of a durable answer, in milliseconds. No design can go below. */
export interface Floor {
  readonly fdatasyncMs: number;
  readonly sqliteCommitMs: number;
  readonly portRoundTripMs: number;
}

const COMMITS = 300;
const ROW_BYTES = 64;
const ROUND_TRIPS = 2000;
const WARM_UP_SHARE = 0.25;

/** @param folder on the disk that the clusters use. */
export async function measureFloor(folder: string): Promise<Floor> {
  mkdirSync(folder, { recursive: true });
  return { fdatasyncMs: probeFdatasync(folder).p50Ms, sqliteCommitMs: sqliteCommit(folder), portRoundTripMs: await portRoundTrip() };
}

/** One row in one transaction under the nodes' settings: WAL, synchronous=FULL. */
function sqliteCommit(folder: string): number {
  const db = new Database(join(folder, `floor-${process.pid}.db`));
  try {
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = FULL');
    db.exec('CREATE TABLE IF NOT EXISTS entry (position INTEGER PRIMARY KEY, payload BLOB)');
    const insert = db.prepare('INSERT INTO entry (payload) VALUES (?)');
    const row = Buffer.alloc(ROW_BYTES, 1);
    return medianOf(COMMITS, () => insert.run(row));
  } finally {
    db.close();
  }
}

/** There and back between two threads. */
async function portRoundTrip(): Promise<number> {
  const { port1: port, port2: far } = new MessageChannel();
  const echo = new Worker(
    "const { workerData } = require('node:worker_threads'); workerData.on('message', (m) => workerData.postMessage(m));",
    {
      eval: true,
      workerData: far,
      transferList: [far],
    },
  );
  const tookMs: number[] = [];
  try {
    const message = new Uint8Array(ROW_BYTES);
    for (let trip = 0; trip < ROUND_TRIPS; trip += 1) {
      const before = performance.now();
      const answer = new Promise((resolve) => port.once('message', resolve));
      port.postMessage(message);
      await answer;
      tookMs.push(performance.now() - before);
    }
  } finally {
    port.close();
    await echo.terminate();
  }
  return median(tookMs.slice(ROUND_TRIPS * WARM_UP_SHARE));
}

function medianOf(count: number, act: () => void): number {
  const tookMs: number[] = [];
  for (let at = 0; at < count; at += 1) {
    const before = performance.now();
    act();
    tookMs.push(performance.now() - before);
  }
  return median(tookMs.slice(count * WARM_UP_SHARE));
}
