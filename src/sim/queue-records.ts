import type { HistoryRecorder } from '../history/history.ts';
import type { SessionModel } from './session-model.ts';
import type { ReadEvents } from './sim-events.ts';

/** What has to be there as a whole, or not at all. */
export interface SentTransaction {
  readonly job: number;
  readonly token: number;
  /** Of the jobs that it adds. */
  readonly keys: readonly string[];
}

/** What the simulator knows of the queue's clients. */
export interface QueueRecords {
  readonly history: HistoryRecorder;
  readonly sessions: SessionModel;
  readonly read: ReadEvents;
  readonly transactions: SentTransaction[];
  /** Keys of the added jobs, by id, for adds with a reply. */
  readonly jobs: Map<number, { readonly key: string; readonly queue: string; readonly customId: string | undefined }>;
  /** Keys of the adds that found a duplicate, and may be executed when it ends. */
  readonly kept: Set<string>;
}
