/** One job in a thread, or waiting for its thread to start. */
export class Run {
  readonly #controller = new AbortController();
  /** Set once the job is sent to a thread. */
  hasThread = false;
  /** The reason of the failure, if the end of the thread does not show it. */
  failure: Error | undefined;

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  readonly abort = (): void => this.#controller.abort();
}
