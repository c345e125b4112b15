import type { WrittenFlowJob } from '../../protocol/flow.ts';
import { InvalidOptionError } from '../errors.ts';
import { nameOf } from '../option-check.ts';

/** The ids that the jobs of one call have. The cluster rejects a flow that names one twice, and with it the calls of the same packet. */
export class FlowIds {
  readonly #pathOf = new Map<string, string>();

  /** @param at the path to the id. @throws {InvalidOptionError} if an earlier job of the same queue has it */
  take({ queueName, customId }: Pick<WrittenFlowJob, 'queueName' | 'customId'>, at: readonly PropertyKey[]): void {
    if (customId === '') return;
    const path = nameOf(at);
    const key = JSON.stringify([queueName, customId]);
    const earlier = this.#pathOf.get(key);
    if (earlier !== undefined)
      throw new InvalidOptionError(path, customId, `"${earlier}" has the same id. Give each job of a queue its own id.`);
    this.#pathOf.set(key, path);
  }
}
