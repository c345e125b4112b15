import type { Arguments, CommandName } from '../protocol/commands.ts';
import type { WrittenFlowJob } from '../protocol/flow.ts';
import type { AddOptions, ClaimOptions, RequestEncoder, SchedulerOptions } from '../protocol/request-encoder.ts';

/** The operations that simulated clients write. */
export type OperationWriter = Pick<RequestEncoder, 'add' | 'claim' | 'complete' | 'command' | 'upsertScheduler' | 'addFlow'>;

/** How the production client sends an operation. */
export type RecordedOperation =
  | { readonly type: 'call'; readonly write: (to: OperationWriter) => void }
  /** Repeated until it has a reply, also in another request. */
  | { readonly type: 'kept'; readonly write: (to: OperationWriter) => void; readonly endsLease: boolean }
  | { readonly type: 'waiting-claim'; readonly queue: string; readonly options: ClaimOptions };

/** Records one operation, to write it to any request, and as often as that is needed. */
export class OperationRecorder implements OperationWriter {
  #operation: RecordedOperation | undefined;

  /** The operation since the last call. */
  take(): RecordedOperation {
    const operation = this.#operation;
    if (operation === undefined) throw new Error('no operation was written');
    this.#operation = undefined;
    return operation;
  }

  add(queue: string, payload: Uint8Array, options: AddOptions): void {
    this.#call((to) => to.add(queue, payload, options));
  }

  upsertScheduler(queue: string, scheduler: SchedulerOptions, payload: Uint8Array, options: AddOptions): void {
    this.#call((to) => to.upsertScheduler(queue, scheduler, payload, options));
  }

  addFlow(jobs: readonly WrittenFlowJob[]): void {
    this.#call((to) => to.addFlow(jobs));
  }

  claim(queue: string, options: ClaimOptions): void {
    if (options.waitMs > 0) this.#operation = { type: 'waiting-claim', queue, options };
    else this.#call((to) => to.claim(queue, options));
  }

  complete(job: number, token: number, result: Uint8Array): void {
    this.#keep(true, (to) => to.complete(job, token, result));
  }

  command<Name extends Exclude<CommandName, 'add'>>(name: Name, args: Arguments<Name>): void {
    if (name === 'fail' || name === 'release') this.#keep(true, (to) => to.command(name, args));
    else if (name === 'extend') this.#keep(false, (to) => to.command(name, args));
    else this.#call((to) => to.command(name, args));
  }

  #call(write: (to: OperationWriter) => void): void {
    this.#operation = { type: 'call', write };
  }

  #keep(endsLease: boolean, write: (to: OperationWriter) => void): void {
    this.#operation = { type: 'kept', write, endsLease };
  }
}
