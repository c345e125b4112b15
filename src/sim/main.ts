import '../runtime/check.ts';

import { SingleBar } from 'cli-progress';
import { Command } from 'commander';
import { JobraftError } from '../base/errors.ts';
import { type SimOptions, simOptions } from './sim-options.ts';
import { runSimulation } from './simulation.ts';

interface Options extends SimOptions {
  readonly json?: boolean;
}

function parse(argv: readonly string[]): Options {
  const command = new Command('sim').description('Runs simulated clusters through random faults, each seed twice, and checks every step.');
  for (const option of simOptions()) command.addOption(option);
  return command.option('--json', 'print one JSON object instead of text').parse(argv).opts<Options>();
}

async function main(): Promise<number> {
  const options = parse(process.argv);
  const isJson = options.json === true;
  const isShown = process.stderr.isTTY === true && !isJson && options.replay === undefined;
  const bar = new SingleBar({ format: '{bar} {value}/{total} seeds, {violations} violations, {eta_formatted} left' });
  if (isShown) bar.start(options.seeds, 0, { violations: 0 });
  const violations = await runSimulation(options, {
    line: (text) => {
      if (isShown) bar.stop();
      console.log(text);
    },
    onProgress: (seeds, found) => (isShown ? bar.update(seeds, { violations: found }) : undefined),
    isJson,
    signal: new AbortController().signal,
  });
  return violations === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof JobraftError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
