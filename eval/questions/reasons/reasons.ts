import type { Question } from '../question.ts';
import { growthStep } from './growth-step.ts';
import { rateStep } from './rate-step.ts';
import { type ReasonsRow, reasonsRow } from './reasons-row.ts';
import { GROWING, VARIANTS } from './variants.ts';

/** Adds to three nodes, as they are and without one of the properties that make them fast. */
export const reasons: Question<ReasonsRow> = {
  id: 'reasons',
  asks: 'Why is it fast?',
  row: reasonsRow,
  rounds: 3,
  steps: [...VARIANTS.map(rateStep), ...VARIANTS.filter(({ name }) => GROWING.includes(name)).map(growthStep)],
};
