import { ConfigError } from '../base/errors.ts';

/** Renewed files are used after this time. */
const RELOAD_EVERY_MS = 10_000;

export interface RenewedFilesOptions<Content> {
  /** Reads the files, and checks them. @throws {ConfigError} */
  readonly read: () => Content;
  readonly isSame: (one: Content, other: Content) => boolean;
  /** Renewed files cannot be used: those before are used further. */
  readonly onRejected: (error: ConfigError) => void;
  readonly reloadEveryMs?: number | undefined;
}

/** What files contain, which are read again and again. */
export class RenewedFiles<Content> implements Disposable {
  readonly #options: RenewedFilesOptions<Content>;
  readonly #listeners = new Set<(content: Content) => void>();
  readonly #timer: NodeJS.Timeout;
  #current: Content;
  #version = 1;
  #rejected = '';

  /** @throws {ConfigError} for files that cannot be used. */
  constructor(options: RenewedFilesOptions<Content>) {
    this.#options = options;
    this.#current = options.read();
    this.#timer = setInterval(() => this.reload(), options.reloadEveryMs ?? RELOAD_EVERY_MS);
    this.#timer.unref();
  }

  get current(): Content {
    return this.#current;
  }

  /** Counts the renewals. */
  get version(): number {
    return this.#version;
  }

  onRenewed(listener: (content: Content) => void): void {
    this.#listeners.add(listener);
  }

  /** Reads the files again. */
  reload(): void {
    const { read, isSame, onRejected } = this.#options;
    let renewed: Content;
    try {
      renewed = read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      // Files that are replaced one after the other do not fit together in between.
      if (this.#rejected !== error.message) onRejected(error);
      this.#rejected = error.message;
      return;
    }
    this.#rejected = '';
    if (isSame(this.#current, renewed)) return;
    this.#current = renewed;
    this.#version += 1;
    for (const listener of this.#listeners) listener(renewed);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
