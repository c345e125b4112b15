import type { Readable } from 'node:stream';
import type { Argument, Option } from 'commander';
import type { Output } from './output.ts';

/** The heading under which `--help` lists a command. */
export type CommandGroup = 'Start' | 'Cluster' | 'Queues' | 'Jobs';

/** What a command is called with. */
export interface Invocation<Args extends readonly unknown[] = readonly unknown[], Options extends object = object> {
  /** In the order of the command's arguments; undefined where an optional one is not given. */
  readonly args: Args;
  readonly options: Options;
  /** `--json`. */
  readonly isJson: boolean;
  readonly output: Output;
  readonly stdin: () => Readable;
  /** Aborted by Ctrl-C, by SIGTERM, or when no process reads the output any more. */
  readonly signal: AbortSignal;
}

/** One command of the command line. */
export interface CliCommand {
  readonly name: string;
  readonly group: CommandGroup;
  readonly summary: string;
  readonly arguments: readonly Argument[];
  /** Every command has `--json` as well. */
  readonly options: readonly Option[];
  /** What `--json` prints: one JSON document, or one JSON object a line while it runs. */
  readonly json: 'document' | 'lines';
  /** What may have happened, for a command that is interrupted while its call has no reply; of commands that change something. */
  readonly mayHaveHappened?: string;
  /** Command lines, for `--help`. */
  readonly examples: readonly string[];
  /**
   * A command that is done resolves, also if its signal was aborted meanwhile, and the exit code is 0.
   * @throws {JobraftError} which is reported in one line. @throws {InterruptedError} if the signal ended it before it was done.
   */
  run(invocation: Invocation): Promise<void>;
}
