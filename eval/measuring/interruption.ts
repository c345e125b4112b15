/** Ctrl-C: the first ends the session gracefully and keeps its results, the second ends the process. */
export interface Interruption extends Disposable {
  readonly signal: AbortSignal;
}

/** By the convention of shells: 128 + the number of SIGINT. */
export const INTERRUPTED_EXIT_CODE = 130;

export function listenForInterruption(onFirst: () => void, source: NodeJS.Process = process): Interruption {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) source.exit(INTERRUPTED_EXIT_CODE);
    controller.abort();
    onFirst();
  };
  source.on('SIGINT', onSignal);
  source.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      source.off('SIGINT', onSignal);
      source.off('SIGTERM', onSignal);
    },
  };
}
