import type { OperationResult } from '../../protocol/reply.ts';
import type { AddOptions } from '../../protocol/request-encoder.ts';
import type { ClientClock } from '../clock.ts';
import type { PendingOperation } from '../delivery/pending-operation.ts';
import { unexpectedResult } from '../result-errors.ts';
import type { Job } from './job.ts';
import type { JobCommands } from './job-commands.ts';
import { jobOfAdd } from './job-of.ts';

/** A pending add(): the two ends of its promise and the fields of its job. */
export class AddCall<Data, Result> implements PendingOperation {
  readonly onError: (error: Error) => void;
  readonly #queueName: string;
  readonly #commands: JobCommands;
  readonly #name: string;
  readonly #data: Data;
  readonly #added: AddOptions;
  readonly #clock: ClientClock;
  readonly #resolve: (job: Job<Data, Result>) => void;

  constructor(
    queueName: string,
    commands: JobCommands,
    name: string,
    data: Data,
    added: AddOptions,
    resolve: (job: Job<Data, Result>) => void,
    reject: (error: Error) => void,
    clock: ClientClock,
  ) {
    this.onError = reject;
    this.#queueName = queueName;
    this.#commands = commands;
    this.#name = name;
    this.#data = data;
    this.#added = added;
    this.#clock = clock;
    this.#resolve = resolve;
  }

  onResult(result: OperationResult): void {
    if (!result.ok || (result.type !== 'added' && result.type !== 'deduplicated')) {
      this.onError(unexpectedResult(result));
      return;
    }
    const { id } = result;
    const duplicateOf = result.type === 'added' ? undefined : { customId: result.customId || undefined };
    const [timestamp, added, name, data] = [this.#clock.wallMs(), this.#added, this.#name, this.#data];
    this.#resolve(jobOfAdd<Data, Result>(this.#queueName, this.#commands, id, timestamp, added, name, data, duplicateOf));
  }
}
