import { fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { SyncedEchoMessage, SyncedEchoTask } from './synced-echo.ts';

/** Allocated before the measurement; written again from its start when it is full. */
const FILE_BYTES = 64 * 1024 * 1024;
const BLOCK = Buffer.alloc(1024 * 1024);
/** About what a node's commit writes: four pages. */
const WRITE = Buffer.alloc(16 * 1024, 1);

// The only cast: this thread is started in one place, with this data.
const { file } = workerData as SyncedEchoTask;
// It is closed with its thread.
const descriptor = openSync(file, 'w');
for (let at = 0; at < FILE_BYTES; at += BLOCK.length) writeSync(descriptor, BLOCK);
fsyncSync(descriptor);
const post = (message: SyncedEchoMessage): void => parentPort?.postMessage(message);
let end = 0;
parentPort?.on('message', (messages: number) => {
  if (end + WRITE.length > FILE_BYTES) end = 0;
  writeSync(descriptor, WRITE, 0, WRITE.length, end);
  fdatasyncSync(descriptor);
  end += WRITE.length;
  post(messages);
});
post('ready');
