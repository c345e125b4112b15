import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../../until.ts';
import type { SubjectUnderLoad } from '../subject.ts';
import { SharedLoad } from './shared-load.ts';
import { SharingHandle } from './sharing-handle.ts';

export interface SharedPlace {
  readonly nodes: number;
  readonly processes: number;
  readonly addsPerSecond: number;
  /** A folder of its own. */
  readonly dataDir: string;
}

const HOST_MS_MAX = 60_000;
/** Each process numbers its messages within a range of this size. */
const MESSAGES_OF_PROCESS = 1_000_000_000;

/** Processes that share a folder, each of which adds and works. */
export class SharedSubject implements SubjectUnderLoad {
  readonly dataDir: string;
  readonly load: SharedLoad;
  readonly #place: SharedPlace;
  readonly #handles = new Set<SharingHandle>();
  /** How processes ended that nothing ended. */
  readonly #endings: string[] = [];
  #started = 0;

  private constructor(place: SharedPlace) {
    this.dataDir = place.dataDir;
    this.#place = place;
    this.load = new SharedLoad(() => this.running, place.addsPerSecond, place.processes);
  }

  static async start(place: SharedPlace): Promise<SharedSubject> {
    const subject = new SharedSubject(place);
    try {
      await subject.begin();
      return subject;
    } catch (error) {
      await subject[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The nodes of the cluster. */
  get nodes(): readonly number[] {
    return Array.from({ length: this.#place.nodes }, (_, at) => at + 1);
  }

  get running(): readonly SharingHandle[] {
    return [...this.#handles].filter(({ process }) => process.isRunning);
  }

  /** Starts as many processes as are missing. */
  async begin(): Promise<void> {
    const missing = this.#place.processes - this.running.length;
    await Promise.all(Array.from({ length: missing }, () => this.#beginOne()));
  }

  /** The process that hosts the nodes. @throws when none of them does within a minute. */
  async host(): Promise<SharingHandle> {
    return await until('one of the processes hosts the nodes', HOST_MS_MAX, async () => {
      const areHosts = await Promise.all(this.running.map(async (handle) => [handle, await handle.call('isHost')] as const));
      const hosts = areHosts.filter(([, isHost]) => isHost).map(([handle]) => handle);
      return hosts.length === 1 ? hosts[0] : undefined;
    });
  }

  async others(host: SharingHandle): Promise<readonly [SharingHandle, SharingHandle]> {
    const [first, second] = this.running.filter((handle) => handle !== host);
    if (first === undefined || second === undefined) throw new Error(`${this.running.length} processes run, and three are needed.`);
    return [first, second];
  }

  async killed(handle: SharingHandle): Promise<void> {
    await handle.process.kill();
    this.#handles.delete(handle);
  }

  /** Ends all processes: no file is open afterwards. */
  async end(): Promise<void> {
    this.#noteEndings();
    await Promise.all([...this.#handles].map((handle) => handle[Symbol.asyncDispose]()));
    this.#handles.clear();
    // Of a host that was killed; a copy of the folder cannot have them.
    rmSync(join(this.dataDir, 'sockets'), { recursive: true, force: true });
  }

  async term(): Promise<number> {
    const [first] = this.running;
    return (await first?.call('term')) ?? 0;
  }

  endings(): readonly string[] {
    this.#noteEndings();
    return this.#endings.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  #noteEndings(): void {
    for (const handle of this.#handles) {
      if (handle.process.isRunning) continue;
      this.#endings.push(`A process ended: ${handle.process.endText}`);
      this.#handles.delete(handle);
    }
  }

  async #beginOne(): Promise<void> {
    const { nodes } = this.#place;
    const firstMessage = this.#started * MESSAGES_OF_PROCESS;
    this.#started += 1;
    const handle = await SharingHandle.start({ options: { nodes, durability: 'full', dataDir: this.dataDir }, firstMessage }, (report) => {
      if (report.type !== 'reply') this.load.onReport(report);
    });
    this.#handles.add(handle);
    this.load.join(handle);
  }
}
