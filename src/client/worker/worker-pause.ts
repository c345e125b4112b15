/** A pause of a worker, from a call of pause() to that of resume(). */
export interface WorkerPause {
  /** The claim that waited for jobs has its reply. */
  isClaimOver: boolean;
  /** Listeners of 'paused' were called. */
  isEmitted: boolean;
}
