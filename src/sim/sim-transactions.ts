import type { HistoryRecorder } from '../history/history.ts';
import type { OperationResult } from '../protocol/reply.ts';
import { encodeTransaction } from '../protocol/transaction.ts';
import type { OperationWriter } from './operation-recorder.ts';
import { resultOf } from './payloads.ts';
import type { QueueRecords } from './queue-records.ts';
import type { SimAdds } from './sim-adds.ts';
import type { SimChanges } from './sim-changes.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { type Step, stepOf } from './sim-step.ts';
import { Violation } from './violation.ts';

/** The transactions of one client: each completes a job and adds others. Its operations are recorded one by one. */
export class SimTransactions {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #records: QueueRecords;
  readonly #history: HistoryRecorder;
  readonly #adds: SimAdds;
  readonly #changes: SimChanges;

  constructor(cluster: SimCluster, random: SimRandom, records: QueueRecords, adds: SimAdds, changes: SimChanges) {
    this.#cluster = cluster;
    this.#random = random;
    this.#records = records;
    this.#history = records.history;
    this.#adds = adds;
    this.#changes = changes;
  }

  /**
   * @param lease of the job that it completes. @param other a job that it changes, too; undefined for none.
   * @param onCompleted called once it took effect. @param version of the state machine that the client believes the cluster to have.
   */
  next(
    encoder: OperationWriter,
    { job, token }: { readonly job: number; readonly token: number },
    other: number | undefined,
    onCompleted: () => void,
    version: number,
  ): Step {
    const steps: Step[] = [];
    const keys: string[] = [];
    const payload = encodeTransaction((inner) => {
      const complete = (): void => {
        inner.complete(job, token, resultOf(job, token, 0));
        const call = this.#history.invoke('complete', { job, token });
        steps.push(
          stepOf(this.#cluster.coverage, call, () => {
            onCompleted();
            return null;
          }),
        );
      };
      const isFirst = this.#random.withProbability(0.5);
      if (isFirst) complete();
      for (let left = 1 + this.#random.below(2); left > 0; left -= 1) {
        steps.push(this.#adds.add(inner, version, false));
        if (!this.#adds.hasLatestId) keys.push(this.#adds.latestKey);
      }
      if (other !== undefined && other !== job) steps.push(this.#changes.change(inner, other, 0));
      if (!isFirst) complete();
    });
    encoder.command('transact', { payload });
    this.#records.transactions.push({ job, token, keys });
    return {
      settle: (result) => this.#settle(steps, result),
      giveUp: () => steps.forEach((step) => void step.giveUp()),
      reject: (code) => steps.forEach((step) => void step.reject(code)),
      isOversized: steps.some(({ isOversized }) => isOversized === true),
    };
  }

  #settle(steps: readonly Step[], result: OperationResult): void {
    if (result.ok && result.type === 'transacted') {
      this.#cluster.coverage.add('transaction took effect');
      if (result.results.length !== steps.length)
        throw new Violation(
          'replies fit their requests',
          `a transaction of ${steps.length} operations got ${result.results.length} results`,
        );
      steps.forEach((step, at) => void step.settle(result.results[at] as OperationResult));
      return;
    }
    if (result.ok) throw new Violation('replies fit their requests', `a transaction got ${result.type}`);
    const { operation } = result;
    if (operation !== undefined) this.#cluster.coverage.add('transaction rejected because of one operation');
    steps.forEach((step, at) => {
      if (operation === undefined || at === operation) step.settle(result);
      else step.reject('TRANSACTION_REJECTED');
    });
  }
}
