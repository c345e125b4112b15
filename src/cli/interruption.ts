import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from './exit-codes.ts';

/** The command ends before it is done, since its user wants that. */
export class InterruptedError extends Error {
  /** The cluster was reached: a call may have been sent. */
  readonly mayHaveSent: boolean;

  constructor(mayHaveSent: boolean) {
    super('The command was interrupted.');
    this.mayHaveSent = mayHaveSent;
  }
}

/** What is used of `process`. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(code: number): void;
}

/**
 * The first Ctrl-C or SIGTERM aborts `signal`, whose reason is the exit code: the command ends gracefully. The second one ends the process.
 */
export function listenForInterruption(source: SignalSource): AbortController {
  const controller = new AbortController();
  for (const [name, code] of [
    ['SIGINT', EXIT.interrupted],
    ['SIGTERM', EXIT.terminated],
  ] as const) {
    source.on(name, () => {
      if (controller.signal.aborted) source.exit(code);
      controller.abort(code);
    });
  }
  return controller;
}

/** The exit code of a command that ended after its signal was aborted. */
export const interruptedExitCode = ({ reason }: AbortSignal): number => (typeof reason === 'number' ? reason : EXIT.interrupted);

/**
 * @param mayHaveSent whether the work calls the cluster.
 * @throws {InterruptedError} as soon as the signal is aborted; the work continues then, and its outcome is ignored.
 */
export async function unlessInterrupted<Result>(signal: AbortSignal, work: Promise<Result>, mayHaveSent = false): Promise<Result> {
  return await new Promise<Result>((resolve, reject) => {
    const onAbort = (): void => reject(new InterruptedError(mayHaveSent));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** At the end of a command that its signal ends. @throws {InterruptedError} if that has been aborted. */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new InterruptedError(false);
}

/** Resolves after the time, or as soon as the signal is aborted. */
export async function pauseFor(durationMs: number, signal: AbortSignal): Promise<void> {
  await sleep(durationMs, undefined, { signal }).catch(() => undefined);
}
