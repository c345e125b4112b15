export interface SplitTurnOptions {
  /** A turn up to its write. @returns whether it has sent anything. */
  readonly begin: () => boolean;
  /** The rest of it. */
  readonly finish: () => void;
  /** Runs a part, which may fail. */
  readonly guard: (part: () => void) => void;
}

/**
 * Turns whose first messages leave before the node writes. gRPC sends once the event loop runs, and a write blocks it: a leader that wrote at
 * once would send its AppendEntries after its own write, and its followers would write later.
 */
export class SplitTurn implements Disposable {
  readonly #options: SplitTurnOptions;
  /** The rest of the turn that has begun. */
  #rest: NodeJS.Immediate | undefined;

  constructor(options: SplitTurnOptions) {
    this.#options = options;
  }

  /** Begins a turn; the one before finishes first. A turn that sends nothing before its write finishes at once. */
  run(): void {
    const { begin, finish, guard } = this.#options;
    this.finish();
    guard(() => {
      if (begin()) this.#rest = setImmediate(() => this.finish());
      else finish();
    });
  }

  /** Finishes the turn that has begun, if one has. */
  finish(): void {
    if (this.#rest === undefined) return;
    this[Symbol.dispose]();
    this.#options.guard(this.#options.finish);
  }

  /** The rest of the turn is left out. */
  [Symbol.dispose](): void {
    clearImmediate(this.#rest);
    this.#rest = undefined;
  }
}
