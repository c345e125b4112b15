import { describeValue } from '../base/describe-value.ts';
import { JobraftError } from '../base/errors.ts';

/** One invalid setting and its remedy. */
export interface ConfigProblem {
  /** The setting's full name, such as `raft.heartbeatMs`. */
  readonly key: string;
  /** The value found; `undefined` for a setting that is missing. */
  readonly value: unknown;
  /** The source of the value: `config/cluster.yaml:12`, or the flag of the command line. */
  readonly place: string;
  readonly remedy: string;
}

/** A configuration is invalid. Every problem is listed, so that one correction is enough. */
export class ConfigFileError extends JobraftError {
  override readonly code = 'CONFIG_INVALID';
  readonly problems: readonly ConfigProblem[];

  constructor(message: string, problems: readonly ConfigProblem[] = [], options?: { readonly cause?: unknown }) {
    super(message, options);
    this.problems = problems;
  }

  static of(file: string, problems: readonly ConfigProblem[]): ConfigFileError {
    const count = problems.length === 1 ? 'one setting' : `${problems.length} settings`;
    return new ConfigFileError(
      `${sourceOf(file, problems)}: ${count} cannot work.\n${problems.map((problem) => `  - ${describe(problem)}`).join('\n')}`,
      problems,
    );
  }
}

/** A file without a problem is not named. */
function sourceOf(file: string, problems: readonly ConfigProblem[]): string {
  const ofFlags = problems.filter(({ place }) => place.startsWith('--')).length;
  if (ofFlags === 0) return file;
  return ofFlags === problems.length ? 'The command line' : `${file} and the command line`;
}

function describe({ key, value, place, remedy }: ConfigProblem): string {
  const found = value === undefined ? 'is missing' : `has the value ${describeValue(value)}`;
  return `${place}: "${key}" ${found}. ${remedy}`;
}
