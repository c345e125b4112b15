import { countOf, formatCount } from '../../measuring/format.ts';
import { FAULT_MEANINGS } from '../../questions/fault-meanings.ts';
import type { Answer } from '../../questions/question-file.ts';
import { ALL_FAULTS, type Source, type SurvivalRow } from '../../questions/survival-row.ts';
import type { MutantCount } from '../mutant-count.ts';
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
export function survivalSection({ rows }: Answer<SurvivalRow>, mutants?: MutantCount): Section {
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
      ? `Nothing was lost in ${countOf(faults, 'injection')} (${totals.map((of) => `${formatCount(of.injected)} ${PLACES[of.source]}`).join(', ')})`
      : `${countOf(violations, 'run')} with faults broke a guarantee`,
    brief: briefOf(totals, violations),
    note: `The simulator runs the production code under drawn faults, each run five nodes for ten simulated seconds; the soak runs one real cluster of 3 to 13 nodes. Several kinds of faults happen in one run, which counts for each of them.${ofProcesses.length === 0 ? '' : ' Processes have the faults one after the other, all on one cluster of three nodes as processes, or of three processes that share a folder.'}`,
    terms: [
      ...totals.map(boundOf),
      ...soakLine(groups),
      '95 % bound: with 95 % confidence a smaller share of such runs loses an add: 3 by the number of runs, where no run lost any.',
      'Injections are counted: a kind of fault may be injected several times in a run.',
      ...mutantsLine(mutants),
      'Unexpected: delivered, and never added. Violations: runs in which an invariant of Raft or of the queue did not hold, or a checker found a wrong history.',
    ],
    table: {
      header: [
        'Fault',
        'What happens',
        'Runs',
        'Injected',
        'Adds acknowledged',
        'Lost',
        '95 % bound (%)',
        'Duplicated',
        'Unexpected',
        'Violations',
      ],
      rows: shown.map(({ source, fault, runs, injected, acknowledged, lost, duplicated, unexpected, violations: broken }) => [
        ...titleOf(source, fault),
        ...[runs, injected, acknowledged].map(formatCount),
        lost === null ? '–' : formatCount(lost),
        lost === 0 ? (boundOfRuns(runs) ?? '–') : '–',
        ...[duplicated, unexpected].map((each) => (each === null ? '–' : formatCount(each))),
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
  return `${counted}: with 95 % confidence fewer than ${RULE_OF_THREE}/${formatCount(runs)}, ${boundOfRuns(runs)} %, of such runs lose an add.`;
}

/** In percent; undefined for so few runs that they bound nothing. */
const boundOfRuns = (runs: number): string | undefined =>
  runs <= RULE_OF_THREE ? undefined : String(Number(((100 * RULE_OF_THREE) / runs).toPrecision(2)));

/** For the list of answers. */
function briefOf(totals: readonly SurvivalRow[], violations: number): string {
  const lost = totals.reduce<number | null>((sum, of) => (sum === null || of.lost === null ? null : sum + of.lost), 0);
  const acknowledged = totals.reduce((sum, of) => sum + of.acknowledged, 0);
  const runs = totals.reduce((sum, of) => sum + of.runs, 0);
  return `${lost === null ? 'An unknown number' : formatCount(lost)} of ${formatCount(acknowledged)} acknowledged adds were lost in ${countOf(runs, 'run')} with faults; ${countOf(violations, 'run')} broke an invariant.`;
}

/** That the checkers find bugs, at all. */
const mutantsLine = (mutants: MutantCount | undefined): readonly string[] =>
  mutants === undefined
    ? []
    : [
        `The checkers find bugs that are planted: of ${countOf(mutants.all, 'mutant')}, a bug injected into the code on purpose each, ${formatCount(mutants.killed)} were killed, that is, found by the simulator (mutants.csv, commit ${mutants.commits.map((commit) => commit.slice(0, 7)).join(', ')}).`,
      ];

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
