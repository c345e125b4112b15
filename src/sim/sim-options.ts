import { availableParallelism } from 'node:os';
import { InvalidArgumentError, Option } from 'commander';
import { MACHINE_NAMES, type MachineName } from './machine-names.ts';

/** What a simulation is called with. */
export interface SimOptions {
  readonly machine: MachineName;
  readonly seeds: number;
  readonly from: number;
  readonly nodes: number;
  readonly seconds: number;
  readonly threads: number;
  readonly replay?: string;
  readonly save: string;
  readonly untilViolation?: boolean;
  readonly doubleRun: boolean;
  readonly shrink: boolean;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number from 1 on.');
  return value;
}

const aNumber = (flags: string, description: string, fallback: number): Option =>
  new Option(flags, description).argParser(wholeNumber).default(fallback);

/** The options of `npm run sim` and of `jobraft sim`, without `--json`. */
export const simOptions = (): Option[] => [
  new Option('--machine <name>', 'the state machine').choices(MACHINE_NAMES).default('queue'),
  aNumber('--seeds <n>', 'how many seeds', 200),
  aNumber('--from <seed>', 'the first seed', 1),
  aNumber('--nodes <n>', 'initial voters of the cluster', 5),
  aNumber('--seconds <s>', 'simulated seconds of faults', 10),
  aNumber('--threads <n>', 'threads', availableParallelism()),
  new Option('--replay <trace.json>', 'run one saved trace instead'),
  new Option('--save <trace.json>', 'where the first violation is saved, shrunk').default('trace.json'),
  new Option('--until-violation', 'stop at the first violation'),
  new Option('--no-double-run', 'run each seed once'),
  new Option('--no-shrink', 'do not shrink the first violation'),
];
