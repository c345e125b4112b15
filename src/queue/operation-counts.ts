import { COMMAND_NAMES, COMMANDS, type CommandName } from '../protocol/commands.ts';
import { ErrorCode } from '../protocol/reply.ts';

const OUTCOMES = [undefined, ...Object.keys(ErrorCode)] as const;

/** How often a command had a result. */
export interface OperationCount {
  readonly command: CommandName;
  /** `done`, or the name of an ErrorCode. */
  readonly result: string;
  readonly count: number;
}

/** Counts executed operations by command and result, since the node started or received a snapshot. It is no part of the state. */
export class OperationCounts {
  readonly #counts: number[] = [];

  /** @param error an ErrorCode, or -1 for none. */
  add(code: number, error: number): void {
    const at = code * OUTCOMES.length + error + 1;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** Those that occurred. */
  list(): OperationCount[] {
    return COMMAND_NAMES.flatMap((command) =>
      OUTCOMES.flatMap((error, at) => {
        const count = this.#counts[COMMANDS[command].code * OUTCOMES.length + at] ?? 0;
        return count === 0 ? [] : [{ command, result: error ?? 'done', count }];
      }),
    );
  }
}
