import type { HistoryRecorder } from '../history/history.ts';
import type { SessionModel } from './session-model.ts';
import type { SentTransaction } from './sim-transactions.ts';

/** What the simulator knows of the queue's clients. */
export interface QueueRecords {
  readonly history: HistoryRecorder;
  readonly sessions: SessionModel;
  readonly transactions: SentTransaction[];
  /** Keys of the added jobs, by id, for adds with a reply. */
  readonly jobs: Map<number, { readonly key: string; readonly queue: string; readonly customId: string | undefined }>;
}
