/** Awaits conditions that depend on the work in progress. */
export class Progress {
  #waiting: (() => void)[] = [];

  /** Something has changed: checks the conditions. */
  notify(): void {
    for (const check of this.#waiting.splice(0)) check();
  }

  /** Resolves once the condition is met, at once or after a {@link notify}. */
  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
