import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../client/api/client.ts';
import { endedProcesses, forgetProcess, removeLeftovers } from './process-locks.ts';

/** After a channel closed: the operating system drops the locks of a process that is killed within milliseconds. */
const LOOKS_AFTER_MS = [0, 20, 100, 500] as const;
/** How often processes are looked for whose end was not noticed. */
const LOOK_EVERY_MS = 5_000;

/** Releases the leases of processes that have ended. */
export class EndedHolders implements Disposable {
  readonly #dataDir: string;
  readonly #client: Pick<Client, 'releaseHolder'>;
  #timer: NodeJS.Timeout | undefined;
  #isReleasing = false;
  #isDisposed = false;

  constructor(dataDir: string, client: Pick<Client, 'releaseHolder'>) {
    this.#dataDir = dataDir;
    this.#client = client;
  }

  /** Begins to look for processes that end from now on. */
  start(): void {
    // At once as well: a command hosts the nodes for less than an interval.
    void this.#release();
    this.#timer = setInterval(() => void this.#release(), LOOK_EVERY_MS);
  }

  /** The channel of a process closed: it has ended, or it opens another one. */
  onChannelClosed(): void {
    void this.#lookAfterEnd();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearInterval(this.#timer);
  }

  async #lookAfterEnd(): Promise<void> {
    for (const afterMs of LOOKS_AFTER_MS) {
      await sleep(afterMs);
      await this.#release();
    }
  }

  async #release(): Promise<void> {
    // One that is missed now is found by the next look.
    if (this.#isReleasing || this.#isDisposed) return;
    this.#isReleasing = true;
    try {
      for (const holder of endedProcesses(this.#dataDir)) {
        await this.#client.releaseHolder(holder);
        if (this.#isDisposed) return;
        forgetProcess(this.#dataDir, holder);
      }
      removeLeftovers(this.#dataDir);
    } catch {
      // No leader for now, or the folder cannot be read: the next look tries again, and in the worst case the leases expire.
    } finally {
      this.#isReleasing = false;
    }
  }
}
