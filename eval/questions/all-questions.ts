import { UserError } from '../measuring/user-error.ts';
import { elections } from './elections/elections.ts';
import { failover } from './failover/failover.ts';
import { load } from './load/load.ts';
import { nodes } from './nodes/nodes.ts';
import type { Question } from './question.ts';
import { reasons } from './reasons/reasons.ts';
import { recovery } from './recovery/recovery.ts';
import { size } from './size.ts';
import { survival } from './survival.ts';

/** In the order in which they are measured. */
export const QUESTIONS: readonly Question[] = [load, elections, failover, nodes, size, recovery, reasons, survival];

/** The questions whose id contains `text`; all without a text. @throws {UserError} when there is none. */
export function selectQuestions(text: string | undefined): readonly Question[] {
  const selected = QUESTIONS.filter(({ id }) => text === undefined || id.includes(text));
  if (selected.length > 0) return selected;
  throw new UserError(`No question's id contains "${text}". Name one of: ${QUESTIONS.map(({ id }) => id).join(', ')}.`);
}
