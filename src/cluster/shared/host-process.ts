import { Worker } from 'node:worker_threads';
import { makeDataDirectory } from '../../storage/data-directory.ts';
import { StorageError } from '../../storage/errors.ts';
import { openFileLock } from '../../storage/file-lock.ts';
import type { ClusterListeners } from '../cluster-listeners.ts';
import { endWithProcess } from '../end-with-process.ts';
import { KillSwitch } from '../kill-switch.ts';
import { threadCode } from '../node-code.ts';
import type { HostBoot, HostCommand, HostSignal, SharedSettings } from './host-boot.ts';
import { errorOf } from './remote-error.ts';
import { hostFile } from './shared-folder.ts';

/** The thread supervises and answers short calls: it needs little memory. */
const YOUNG_GENERATION_MIB_MAX = 8;

/** The thread of this process that hosts the nodes of a shared cluster. */
export class HostProcess {
  /** Rejects when the nodes cannot be started; the thread ends then. */
  readonly ready: Promise<void>;
  /** The thread has ended, and the folder is free. */
  readonly ended: Promise<void>;
  readonly #worker: Worker;
  readonly #killSwitch: KillSwitch;

  /**
   * @returns undefined while another process hosts the nodes, or is about to.
   * @throws {StorageError} when the folder cannot be used. @throws {NodeCodeMissingError}
   */
  static tryStart(settings: SharedSettings, listeners: ClusterListeners): HostProcess | undefined {
    const lock = tryLock(settings.dataDir);
    if (lock === undefined) return undefined;
    try {
      return new HostProcess(settings, listeners, lock);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(settings: SharedSettings, listeners: ClusterListeners, lock: Disposable) {
    const boot: HostBoot = { settings, killSwitch: KillSwitch.memory() };
    this.#killSwitch = new KillSwitch(boot.killSwitch);
    const { code, isSource } = threadCode('./host-thread.js');
    this.#worker = new Worker(code, {
      eval: isSource,
      workerData: boot,
      name: 'jobraft host',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB_MAX },
    });
    const endsWithProcess = endWithProcess({
      kill: () => {
        this.#killSwitch.kill();
        this.#command({ type: 'exit' });
      },
      waitUntilClosed: (timeoutMs) => this.#killSwitch.waitUntilClosed(timeoutMs),
    });
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (signal: HostSignal) => {
        if (signal.type === 'ready') resolve();
        else if (signal.type === 'failed') reject(errorOf(signal.error));
        else if (signal.type === 'node-failed') listeners.onNodeFailure(signal.node, errorOf(signal.error));
        else listeners.onRepair({ node: signal.node, damage: errorOf(signal.damage), movedTo: signal.movedTo });
      });
      this.#worker.on('error', reject);
      this.#worker.on('exit', () => reject(new StorageError('STORAGE_FAILED', ENDED, { outcome: 'not-applied' })));
    });
    // A caller that awaits `ready` sees the failure; no caller has to.
    this.ready.catch(() => undefined);
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        endsWithProcess[Symbol.dispose]();
        lock[Symbol.dispose]();
        resolve();
      });
    });
  }

  /** Stops the nodes and ends the thread. */
  async close(): Promise<void> {
    this.#command({ type: 'close' });
    await this.ended;
  }

  #command(command: HostCommand): void {
    this.#worker.postMessage(command);
  }
}

const ENDED = 'The thread that hosts the nodes ended before they had started. Another process, or the next attempt, starts them again.';

function tryLock(dataDir: string): Disposable | undefined {
  const file = hostFile(dataDir);
  makeDataDirectory(file);
  try {
    return openFileLock(file);
  } catch (error) {
    if (error instanceof StorageError && error.code === 'STORAGE_IN_USE') return undefined;
    throw error;
  }
}
