import type { ThrownRecord } from '../thrown-record.ts';
import type { SandboxJobData } from './sandbox-job.ts';

/** The message to a thread for one job. */
export interface SandboxTask {
  /** Identifies the run within its sandbox. */
  readonly run: number;
  /** The processor file, as a file: URL. */
  readonly file: string;
  readonly job: SandboxJobData;
}

/** The thread's reply after the processor has ended: the result, encoded by `encodeValue`, or the thrown value. */
export type SandboxOutcome = { readonly ok: true; readonly value: Uint8Array } | { readonly ok: false; readonly thrown: ThrownRecord };

/** The thread's message before it ends because it cannot use the processor file. */
export interface FileFailure {
  readonly type: 'jobraft-file-failure';
  readonly run: number;
  /** Why the import failed; `undefined`: the file exports no function. */
  readonly thrown: ThrownRecord | undefined;
}

export const isFileFailure = (message: unknown): message is FileFailure =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'jobraft-file-failure';
