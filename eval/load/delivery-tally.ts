import type { ConsumeResult } from './consume-record.ts';
import { OUTCOMES, type SendResult } from './load-plan.ts';

export interface DeliveryTally {
  /** Messages completed at least once. */
  readonly completed: number;
  /** Acknowledged, and not completed. Only a drained queue proves a loss. */
  readonly lost: number;
  /** Messages completed more than once. */
  readonly duplicated: number;
  /** Payloads that were changed, or that were never sent. */
  readonly foreign: number;
}

/** Compares what was sent with what was completed, message by message. */
export function tallyDeliveries(
  { outcomes }: Pick<SendResult, 'outcomes'>,
  { completions, foreign }: Pick<ConsumeResult, 'completions' | 'foreign'>,
): DeliveryTally {
  const tally = { completed: 0, lost: 0, duplicated: 0, foreign };
  for (const [message, code] of outcomes.entries()) {
    const count = completions[message] ?? 0;
    const outcome = OUTCOMES[code];
    if (outcome === 'not-sent') {
      tally.foreign += count;
      continue;
    }
    if (count > 0) tally.completed += 1;
    if (count > 1) tally.duplicated += 1;
    if (count === 0 && outcome === 'acknowledged') tally.lost += 1;
  }
  return tally;
}
