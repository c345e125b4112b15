import type { Fields } from './fields.ts';
import type { Permission } from './permission.ts';
import type { ResultName } from './results.ts';

/** What is selected in the request before the operation: nothing, a queue, or a queue and a policy of jobs. */
type Selection = 'nothing' | 'queue' | 'policy';

export interface Command {
  /** Never used for anything else: codes of commands that are gone stay reserved, and a test asserts each. */
  readonly code: number;
  /** The state-machine versions that have it, from one to another. Undefined: it is executed outside of the log, by any version. */
  readonly versions: readonly [first: number, last: number] | undefined;
  /** What an operation needs to have selected. */
  readonly needs: Selection;
  /** False: it changes nothing, and may be sent as a query. */
  readonly writes: boolean;
  /** What a token has to permit for it. */
  readonly permission: Permission;
  /** True: a node may send it itself, outside of any session. It changes nothing when it is executed a second time. */
  readonly isRepeatable?: boolean;
  /**
   * True: recorded histories leave it out, since it is internal to a client, no checker judges it, or it is of version 1, whose commands are
   * recorded under the newer name.
   */
  readonly isInternal?: boolean;
  /** In the order of their bytes, behind the code. Only the last one may be of variable size. */
  readonly fields: Fields;
  /** The result of a good outcome. */
  readonly result: ResultName;
  /** One sentence, for the documentation. */
  readonly about: string;
}

/** The last version of a command that the newest version still has. */
export const EVER = Number.POSITIVE_INFINITY;

/** Keeps the exact types of the rows. */
export function defineCommands<const Rows extends Readonly<Record<string, Command>>>(rows: Rows): Rows {
  return rows;
}
