import { fdatasyncSync, fsyncSync, openSync, writeSync, writevSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { crc32 } from 'node:zlib';
import { FloorDatabase } from './floor-database.ts';
import type { PayloadFloorMessage, PayloadFloorTask } from './payload-floor.ts';

/** Allocated before the measurement; written again from its start when it is full. */
const FILE_BYTES = 64 * 1024 * 1024;
const BLOCK = Buffer.alloc(1024 * 1024);

// The only cast: this thread is started in one place, with this data.
const { file, payloadBytes, slab } = workerData as PayloadFloorTask;
const descriptor = openSync(file, 'w');
for (let at = 0; at < FILE_BYTES; at += BLOCK.length) writeSync(descriptor, BLOCK);
fsyncSync(descriptor);
// It is closed with its thread, as the file is.
const database = new FloorDatabase(`${file}.db`);
const post = (message: PayloadFloorMessage): void => parentPort?.postMessage(message);
let end = 0;
parentPort?.on('message', (places: readonly number[]) => {
  const payloads = places.map((place) => new Uint8Array(slab, place * payloadBytes, payloadBytes));
  const references = payloads.map((payload) => crc32(payload));
  const bytes = payloadBytes * payloads.length;
  if (end + bytes > FILE_BYTES) end = 0;
  writevSync(descriptor, payloads, end);
  fdatasyncSync(descriptor);
  end += bytes;
  database.commitAll(references);
  post(places);
});
post('ready');
