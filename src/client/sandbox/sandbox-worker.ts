import { parentPort } from 'node:worker_threads';
import { encodeValue } from '../payload.ts';
import { recordThrown } from '../thrown-record.ts';
import { SandboxJob } from './sandbox-job.ts';
import type { FileFailure, SandboxOutcome, SandboxTask } from './sandbox-task.ts';

/**
 * The arguments of a processor that is a function. The thread of a job that lost its lease is ended at once: the signal, which is there for
 * code that passes it on, is never aborted.
 */
type FileProcessor = (job: SandboxJob, token: string, signal: AbortSignal) => unknown;

let processor: FileProcessor | undefined;

/** The entry point of a sandbox's threads: piscina calls it for each job. It imports the processor file at the first one. */
export async function runTask(task: SandboxTask): Promise<SandboxOutcome> {
  processor ??= await importProcessor(task);
  try {
    const job = new SandboxJob(task.job);
    return { ok: true, value: encodeValue(await processor(job, String(job.token), new AbortController().signal)) };
  } catch (thrown) {
    return { ok: false, thrown: recordThrown(thrown) };
  }
}

async function importProcessor({ file, run }: SandboxTask): Promise<FileProcessor> {
  let found: FileProcessor | undefined;
  try {
    found = findProcessor(await import(file));
  } catch (thrown) {
    endThread({ type: 'jobraft-file-failure', run, thrown: recordThrown(thrown) });
  }
  return found ?? endThread({ type: 'jobraft-file-failure', run, thrown: undefined });
}

/** The export `process`, or the default export. A CommonJS file's default export is its `module.exports`. */
function findProcessor(exported: Readonly<Record<string, unknown>>): FileProcessor | undefined {
  const { process: named, default: fallback } = exported;
  const candidates = [named, fallback];
  if (typeof fallback === 'object' && fallback !== null)
    candidates.push(Reflect.get(fallback, 'process'), Reflect.get(fallback, 'default'));
  return candidates.find((candidate): candidate is FileProcessor => typeof candidate === 'function');
}

/** A thread remembers a failed import. The next job gets a new thread, and with it another import. */
function endThread(failure: FileFailure): never {
  parentPort?.postMessage(failure);
  process.exit(1);
}
