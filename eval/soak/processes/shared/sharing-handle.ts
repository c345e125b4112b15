import { fileURLToPath } from 'node:url';
import { TaskProcess } from '../../../processes/task-process.ts';
import type { SharingCalls, SharingReport, SharingRequest, SharingTask } from './messages.ts';

const PROCESS_FILE = fileURLToPath(new URL('./sharing-process.js', import.meta.url));

interface PendingCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The driver's handle of a process that shares the folder. */
export class SharingHandle implements AsyncDisposable {
  readonly process: TaskProcess<SharingTask>;
  readonly #calls = new Map<number, PendingCall>();
  #nextCall = 0;

  private constructor(task: SharingTask, onReport: (report: SharingReport) => void) {
    const onMessage = (message: unknown): void => {
      // The process sends nothing else.
      const report = message as SharingReport;
      if (report.type === 'reply') this.#onReply(report);
      else onReport(report);
    };
    this.process = new TaskProcess(task, { file: PROCESS_FILE, onMessage });
    void this.process.exited().then(() => this.#rejectAll());
  }

  /** Resolves once the process has opened the cluster. @throws when it ends before. */
  static async start(task: SharingTask, onReport: (report: SharingReport) => void): Promise<SharingHandle> {
    const handle = new SharingHandle(task, onReport);
    await handle.process.ready();
    return handle;
  }

  /** @throws with the text of the error of the call, or when the process ends. */
  call<Name extends keyof SharingCalls>(
    call: Name,
    ...args: Parameters<SharingCalls[Name]>
  ): Promise<Awaited<ReturnType<SharingCalls[Name]>>> {
    const id = this.#nextCall;
    this.#nextCall += 1;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (value: unknown) => void, reject });
      if (!this.process.isRunning) this.#rejectAll();
      this.process.send({ id, call, args } satisfies SharingRequest);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }

  #onReply({ id, value, error }: SharingReport & { readonly type: 'reply' }): void {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(error));
  }

  #rejectAll(): void {
    for (const { reject } of this.#calls.values()) reject(new Error(`The process ended: ${this.process.endText}`));
    this.#calls.clear();
  }
}
