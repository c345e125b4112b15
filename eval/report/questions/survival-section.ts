import { countOf, formatCount } from '../../measuring/format.ts';
import type { Answer } from '../../questions/question-file.ts';
import { ALL_FAULTS, type SurvivalRow } from '../../questions/survival.ts';
import type { Section } from '../table.ts';

/** Zero events in n trials: with 95 % confidence their probability is below 3/n (Hanley and Lippman-Hand 1983). */
const RULE_OF_THREE = 3;

/** A row for each fault, summed over the steps of its source. */
export function survivalSection({ rows }: Answer<SurvivalRow>): Section {
  const groups = [...Map.groupBy(rows, ({ source, fault }) => `${source} ${fault}`).values()].map(summed);
  const totals = groups.filter(({ fault }) => fault === ALL_FAULTS);
  const violations = totals.reduce((sum, of) => sum + of.violations, 0);
  const faults = totals.reduce((sum, of) => sum + of.injected, 0);
  return {
    title:
      violations === 0 ? `Nothing was lost in ${countOf(faults, 'fault')}` : `${countOf(violations, 'run')} with faults broke a guarantee`,
    note: `The simulator runs the production code under drawn faults, each seed five nodes for ten simulated seconds; the soak runs a real cluster of 3 to 13 nodes under kills and broken disks. Several kinds of faults happen in one run, which counts for each of them. ${totals.map(boundOf).join(' ')}`,
    table: {
      header: ['Where', 'Fault', 'Runs', 'Injected', 'Adds acknowledged', 'Lost', 'Duplicated', 'Unexpected', 'Violations'],
      rows: groups.map(({ source, fault, runs, injected, acknowledged, lost, duplicated, unexpected, violations: broken }) => [
        source,
        fault,
        ...[runs, injected, acknowledged].map(formatCount),
        ...[lost, duplicated, unexpected].map((each) => (each === null ? '–' : formatCount(each))),
        formatCount(broken),
      ]),
    },
    charts: [],
  };
}

/** `Zero lost of 12,345 acknowledged adds: the probability of a loss is below 2.4e-4 for such a load (95 % confidence).` */
function boundOf({ source, acknowledged, lost }: SurvivalRow): string {
  if (lost !== 0 || acknowledged === 0)
    return `${source}: ${lost === null ? 'not counted' : formatCount(lost)} lost of ${formatCount(acknowledged)}.`;
  const bound = (RULE_OF_THREE / acknowledged).toExponential(1);
  return `In the ${source} 0 of ${formatCount(acknowledged)} acknowledged adds were lost: p < 3/n = ${bound}, with 95 % confidence.`;
}

function summed(group: readonly SurvivalRow[]): SurvivalRow {
  const [first] = group;
  if (first === undefined) throw new RangeError('An empty group has no sum.');
  const sumOf = (column: 'runs' | 'injected' | 'acknowledged' | 'violations'): number => group.reduce((sum, row) => sum + row[column], 0);
  const foundOf = (column: 'lost' | 'duplicated' | 'unexpected'): number | null =>
    group.reduce<number | null>((sum, { [column]: found }) => (sum === null || found === null ? null : sum + found), 0);
  return {
    ...{ source: first.source, fault: first.fault },
    ...{ runs: sumOf('runs'), injected: sumOf('injected'), acknowledged: sumOf('acknowledged'), violations: sumOf('violations') },
    ...{ lost: foundOf('lost'), duplicated: foundOf('duplicated'), unexpected: foundOf('unexpected') },
  };
}
