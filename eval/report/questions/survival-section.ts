import { countOf, formatCount } from '../../measuring/format.ts';
import { FAULT_MEANINGS } from '../../questions/fault-meanings.ts';
import type { Answer } from '../../questions/question-file.ts';
import { ALL_FAULTS, type Source, type SurvivalRow } from '../../questions/survival-row.ts';
import type { Section } from '../table.ts';

/** Zero events in n independent trials: with 95 % confidence their probability is below 3/n (Hanley and Lippman-Hand 1983). */
const RULE_OF_THREE = 3;

/** Where faults were injected, as a sentence has it. */
const PLACES: Readonly<Record<Source, string>> = {
  simulator: 'in the simulator',
  soak: 'in the soak',
  'node processes': 'in node processes',
  'shared folder': 'in processes that share a folder',
};

const isOfProcesses = ({ source }: SurvivalRow): boolean => source === 'node processes' || source === 'shared folder';

/** A row for each fault of the simulator and of processes, and one for the soak, summed over the steps of its source. */
export function survivalSection({ rows }: Answer<SurvivalRow>): Section {
  const groups = [...Map.groupBy(rows, ({ source, fault }) => `${source} ${fault}`).values()].map(summed);
  const totals = groups.filter(({ fault }) => fault === ALL_FAULTS);
  const violations = totals.reduce((sum, of) => sum + of.violations, 0);
  const faults = totals.reduce((sum, of) => sum + of.injected, 0);
  const ofProcesses = groups.filter(isOfProcesses);
  const shown = [
    ...groups.filter(({ source }) => source === 'simulator'),
    ...totals.filter(({ source }) => source === 'soak'),
    ...ofProcesses,
  ];
  const isClean = violations === 0 && totals.every(({ lost }) => lost === 0);
  return {
    title: isClean
      ? `Nothing was lost in ${countOf(faults, 'fault')} (${totals.map((of) => `${formatCount(of.injected)} ${PLACES[of.source]}`).join(', ')})`
      : `${countOf(violations, 'run')} with faults broke a guarantee`,
    note: `The simulator runs the production code under drawn faults, each run five nodes for ten simulated seconds; the soak runs one real cluster of 3 to 13 nodes. Several kinds of faults happen in one run, which counts for each of them.${ofProcesses.length === 0 ? '' : ' Processes have the faults one after the other, all on one cluster of three nodes as processes, or of three processes that share a folder.'}`,
    terms: [
      ...totals.map(boundOf),
      ...soakLine(groups),
      'Unexpected: delivered, and never added. Violations: runs in which an invariant of Raft or of the queue did not hold, or a checker found a wrong history.',
    ],
    table: {
      header: ['Fault', 'What happens', 'Runs', 'Injected', 'Adds acknowledged', 'Lost', 'Duplicated', 'Unexpected', 'Violations'],
      rows: shown.map(({ source, fault, runs, injected, acknowledged, lost, duplicated, unexpected, violations: broken }) => [
        ...titleOf(source, fault),
        ...[runs, injected, acknowledged].map(formatCount),
        ...[lost, duplicated, unexpected].map((each) => (each === null ? '–' : formatCount(each))),
        formatCount(broken),
      ]),
    },
    charts: [],
  };
}

function titleOf(source: Source, fault: string): readonly [string, string] {
  if (fault === ALL_FAULTS) return [`all, ${source}`, source === 'soak' ? 'the kinds above the table' : 'the kinds below'];
  // The name of a fault of processes says what happens.
  return source === 'simulator' ? [fault, meaningOf(fault)] : [source, fault];
}

const MEANINGS: Readonly<Record<string, string>> = FAULT_MEANINGS;
const meaningOf = (fault: string): string => MEANINGS[fault] ?? '–';

/** Of runs, which are independent; the adds of one run are not. None for a single run. */
function boundOf({ source, runs, acknowledged, lost }: SurvivalRow): string {
  if (lost !== 0) return `${source}: ${lost === null ? 'not counted' : formatCount(lost)} lost of ${formatCount(acknowledged)}.`;
  const place = PLACES[source];
  const counted = `${place[0]?.toUpperCase()}${place.slice(1)} 0 of ${formatCount(acknowledged)} acknowledged adds were lost, in ${countOf(runs, 'run')}`;
  if (runs <= RULE_OF_THREE) return `${counted}, which gives no bound.`;
  const percent = Number(((100 * RULE_OF_THREE) / runs).toPrecision(2));
  return `${counted}: with 95 % confidence fewer than ${RULE_OF_THREE}/${formatCount(runs)}, ${percent} %, of such runs lose an add.`;
}

/** The kinds of faults of the soak: all happened in the same run, whose counts are those of the row of all. */
function soakLine(groups: readonly SurvivalRow[]): readonly string[] {
  const kinds = groups.filter(({ source, fault }) => source === 'soak' && fault !== ALL_FAULTS);
  return kinds.length === 0
    ? []
    : [
        `Faults of the soak, with how often each was injected: ${kinds.map(({ fault, injected }) => `${fault} ${formatCount(injected)}`).join(', ')}.`,
      ];
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
