/** How a transaction ended a job. */
export type JobEnding =
  | { readonly type: 'completed'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: Error; readonly reason: string; readonly mayRetry: boolean }
  | { readonly type: 'released' };
