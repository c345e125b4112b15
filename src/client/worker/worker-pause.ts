import type { JobClaimer } from './job-claimer.ts';

/** A pause of a worker, from a call of pause() to that of resume(). */
export interface WorkerPause {
  /** The claim that waited for jobs has its reply. */
  isClaimOver: boolean;
  /** Listeners of 'paused' were called. */
  isEmitted: boolean;
}

/** Claims no more, and gives back jobs that were not begun. @param onClaimOver called once the claim that waited has its reply. */
export function beginPause(intake: Pick<JobClaimer, 'pause'>, slots: { pause(): void }, onClaimOver: () => void): WorkerPause {
  const pause: WorkerPause = { isClaimOver: false, isEmitted: false };
  void intake.pause().then(() => {
    pause.isClaimOver = true;
    onClaimOver();
  });
  slots.pause();
  return pause;
}
