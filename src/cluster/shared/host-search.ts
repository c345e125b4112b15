import { setTimeout as sleep } from 'node:timers/promises';
import { JobraftError } from '../../base/errors.ts';
import { StorageError } from '../../storage/errors.ts';
import type { ClusterListeners } from '../cluster-listeners.ts';
import { HostLostError } from './errors.ts';
import type { SharedSettings } from './host-boot.ts';
import { type Dialed, HostLink } from './host-link.ts';
import { HostProcess } from './host-process.ts';
import type { HostState, ProcessHello } from './host-protocol.ts';
import { errorOf, RemoteError } from './remote-error.ts';

/** Pause while another process is about to host the nodes; a part of it is random, so that processes do not try in step. */
const RETRY_MS = 20;
/** Pause after an attempt that failed with an error, which repeats until its cause is removed. */
const FAILED_RETRY_MS = 1_000;
/** How long a folder may be in use by a process that is just ending. */
const IN_USE_MS_MAX = 2_000;
/** How long `openCluster` waits for another process that is starting the nodes; a million jobs take seconds. */
const START_MS_MAX = 60_000;

/**
 * Keeps a process linked to the one that hosts the nodes: it finds that one, and hosts the nodes itself where there is none. Locks decide which
 * process hosts them; a process that ends, however it ends, loses its locks.
 */
export class HostSearch {
  readonly departedReleased: Promise<void>;
  readonly #settings: SharedSettings;
  readonly #listeners: ClusterListeners;
  readonly #hello: ProcessHello;
  #host: HostProcess | undefined;
  #link: HostLink | undefined;
  #state: HostState;
  #cluster = 0;
  #failure: JobraftError | undefined;
  #isClosed = false;
  #run: Promise<void> = Promise.resolve();
  #onReleased: () => void = () => undefined;
  #onLinkClosed: () => void = () => undefined;

  constructor(settings: SharedSettings, listeners: ClusterListeners, hello: ProcessHello) {
    this.#settings = settings;
    this.#listeners = listeners;
    this.#hello = hello;
    this.#state = { nodes: settings.nodes, running: [], isReleased: false };
    this.departedReleased = new Promise((resolve) => {
      this.#onReleased = resolve;
    });
  }

  /** Resolves once this process is linked. @throws the error that keeps it from that; then it tries no longer. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#run = this.#keepLinked(resolve).catch(reject);
    });
  }

  get link(): HostLink | undefined {
    return this.#link;
  }

  get isHost(): boolean {
    return this.#host !== undefined;
  }

  /** As the host reported it last. */
  get state(): HostState {
    return this.#state;
  }

  /** The id of the cluster; zero until it is known. */
  get cluster(): number {
    return this.#cluster;
  }

  /** See `ClusterEndpoint.outageCause`. */
  outageCause(): JobraftError | undefined {
    const link = this.#link;
    if (link === undefined) return this.#failure;
    if (link.silence !== undefined) return link.silence;
    const { outage } = this.#state;
    return outage === undefined ? undefined : jobraftError(errorOf(outage));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#link?.close();
    this.#link = undefined;
    this.#onLinkClosed();
    await this.#host?.close();
    await this.#run;
  }

  /** @param onLinked called once this process is linked for the first time. @throws the error that keeps it from that. */
  async #keepLinked(onLinked: () => void): Promise<void> {
    let isFirst = true;
    for (let waitedSinceMs = performance.now(); !this.#isClosed; waitedSinceMs = performance.now()) {
      const linked = await this.#linked(waitedSinceMs, isFirst);
      if (linked === undefined) return;
      if (isFirst) onLinked();
      isFirst = false;
      await linked.lost;
    }
  }

  /** @returns once there is a link, with a promise of its loss; undefined when this was closed. */
  async #linked(sinceMs: number, isFirst: boolean): Promise<{ readonly lost: Promise<void> } | undefined> {
    while (!this.#isClosed) {
      let onLost: () => void = () => undefined;
      const lost = new Promise<void>((resolve) => {
        onLost = resolve;
      });
      const dialed = await this.#dial(onLost);
      if (dialed.type === 'linked') {
        if (this.#isClosed) dialed.link.close();
        else return { lost: this.#onLinked(dialed.link, lost) };
      } else if (dialed.type === 'absent') {
        await this.#tryToHost(sinceMs, isFirst);
      } else {
        await this.#onFailed(dialed.error, isFirst);
      }
    }
    return undefined;
  }

  async #dial(onLost: () => void): Promise<Dialed> {
    try {
      return await HostLink.dial(this.#settings.dataDir, this.#hello, { onState: (state) => this.#onState(state), onLost });
    } catch (error) {
      return { type: 'failed', error: jobraftError(error) };
    }
  }

  /** @returns resolves when the link is lost or closed. */
  #onLinked(link: HostLink, lost: Promise<void>): Promise<void> {
    this.#failure = undefined;
    this.#cluster = link.welcome.cluster;
    this.#link = link;
    this.#onState(link.welcome.state);
    const closed = new Promise<void>((resolve) => {
      this.#onLinkClosed = resolve;
    });
    return Promise.race([lost, closed]).then(() => {
      if (this.#link === link) this.#link = undefined;
    });
  }

  #onState(state: HostState): void {
    this.#state = state;
    if (state.isReleased) this.#onReleased();
  }

  async #tryToHost(sinceMs: number, isFirst: boolean): Promise<void> {
    let host: HostProcess | undefined;
    try {
      host = HostProcess.tryStart(this.#settings, this.#listeners);
      if (host !== undefined) {
        const started = host;
        this.#host = started;
        void started.ended.then(() => {
          if (this.#host === started) this.#host = undefined;
        });
        await started.ready;
        return;
      }
    } catch (error) {
      await host?.ended;
      if (this.#isClosed) return;
      const isInUse = error instanceof StorageError && error.code === 'STORAGE_IN_USE';
      if (isInUse && performance.now() - sinceMs < IN_USE_MS_MAX) await sleep(RETRY_MS);
      else await this.#onFailed(error, isFirst);
      return;
    }
    if (isFirst && performance.now() - sinceMs > START_MS_MAX) throw new HostLostError('not-applied');
    await sleep(RETRY_MS * (0.5 + Math.random()));
  }

  /** @throws {JobraftError} the first time, for the caller of `openCluster`. */
  async #onFailed(thrown: unknown, isFirst: boolean): Promise<void> {
    const error = jobraftError(thrown);
    if (isFirst) throw error;
    if (this.#failure?.message !== error.message)
      process.emitWarning(`The nodes of ${this.#settings.dataDir} cannot be hosted or reached at the moment. ${error.message}`, {
        type: 'JobraftHost',
      });
    this.#failure = error;
    await sleep(FAILED_RETRY_MS);
  }
}

const jobraftError = (thrown: unknown): JobraftError =>
  thrown instanceof JobraftError ? thrown : new RemoteError(thrown instanceof Error ? thrown.message : String(thrown));
