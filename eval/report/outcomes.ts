import { formatCount } from '../measuring/format.ts';
import type { CaseFigures } from '../replay/analysis.ts';
import { countDeliveries } from '../replay/delivery-faults.ts';

/** What every table shows of its runs, whatever it measures. */
export const OUTCOME_HEADER: readonly string[] = ['Valid runs', 'Elections', 'Lost', 'Duplicated'];

export function outcomesOf(cases: readonly (CaseFigures | undefined)[]): readonly string[] {
  const measured = cases.filter((of) => of !== undefined);
  const rows = measured.flatMap((of) => of.rows);
  if (rows.length === 0) return OUTCOME_HEADER.map(() => '–');
  const { elections, lost, duplicated } = countDeliveries(rows);
  const valid = rows.filter((row) => row.valid).length;
  return [`${valid} of ${rows.length}`, formatCount(elections), formatCount(lost), formatCount(duplicated)];
}
