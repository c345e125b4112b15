import { JobraftError } from '../../base/errors.ts';
import { type SimOptions, simOptions } from '../../sim/sim-options.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { throwIfInterrupted } from '../interruption.ts';

/** A simulated cluster broke an invariant. */
class SimViolationError extends JobraftError {
  override readonly code = 'SIM_VIOLATION';
}

export const sim: CliCommand = {
  name: 'sim',
  group: 'Cluster',
  summary: 'Runs simulated clusters of this release through random faults, each seed twice, and checks every step.',
  arguments: [],
  options: simOptions(),
  json: 'document',
  examples: [
    'jobraft sim --seeds 20 --nodes 3',
    'jobraft sim --seeds 1000 --from 5000 --until-violation',
    'jobraft sim --replay trace.json',
  ],
  async run({ options, output, isJson, signal }: Invocation<readonly [], SimOptions>) {
    // Loaded by this command alone: every command takes as long to start as what it imports.
    const { runSimulation } = await import('../../sim/simulation.ts');
    const violations = await runSimulation(options, {
      line: (text) => output.line(text),
      onProgress: (seeds, found) => {
        if (output.isTerminal && !isJson) output.live(`${seeds} of ${options.seeds} seeds, ${found} violations`);
      },
      isJson,
      signal,
    });
    if (violations === 0) {
      throwIfInterrupted(signal);
      return;
    }
    const what = options.replay === undefined ? `${violations} of ${options.seeds} seeds` : `The trace ${options.replay}`;
    throw new SimViolationError(
      `${what} broke an invariant of the cluster. Report it with the seed and the version: it is a defect of jobraft.`,
    );
  },
};
