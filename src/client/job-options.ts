import { ATTEMPTS_MAX, DURATION_MS_MAX, KEEP_MAX, PRIORITY_MAX } from '../queue/limits.ts';
import type { AddOptions } from '../queue/request.ts';
import { checkOptions, durationIn, integerIn, type OptionRule, type OptionRules } from './option-check.ts';

export interface BackoffOptions {
  readonly type: 'fixed' | 'exponential';
  /** The first pause in milliseconds; `exponential` doubles it at every attempt. */
  readonly delay: number;
}

/** What a job may be added with; the names and meanings of BullMQ. */
export interface JobOptions {
  /** Milliseconds until the job may be claimed. */
  readonly delay?: number;
  /** 0 (the default) is served first, then 1 up to 2^21 in ascending order. */
  readonly priority?: number;
  /** How often the job is tried before it becomes a dead letter; 1 by default. */
  readonly attempts?: number;
  /** The pause before another attempt: a number of milliseconds, or its kind; none by default. */
  readonly backoff?: number | BackoffOptions;
  /** `true` removes the completed job at once, a number keeps the newest of the queue, `false` keeps all; 1000 by default. */
  readonly removeOnComplete?: boolean | number;
  /** Likewise for dead letters; `false` by default: they wait for somebody to look at them. */
  readonly removeOnFail?: boolean | number;
}

const keepRule: OptionRule = {
  isValid: (value) => typeof value === 'boolean' || integerIn(0, KEEP_MAX).isValid(value),
  remedy: 'Give true (remove at once), false (keep all) or the number of jobs to keep.',
};
const delayRule = durationIn(0, DURATION_MS_MAX);
const backoffRules: OptionRules = {
  type: { isValid: (value) => value === 'fixed' || value === 'exponential', remedy: "Give 'fixed' or 'exponential'." },
  delay: delayRule,
};
const RULES: OptionRules & Readonly<Record<keyof JobOptions, OptionRule>> = {
  delay: delayRule,
  priority: integerIn(0, PRIORITY_MAX),
  attempts: integerIn(1, ATTEMPTS_MAX),
  backoff: {
    isValid: (value) => delayRule.isValid(value) || (typeof value === 'object' && value !== null && 'type' in value && 'delay' in value),
    remedy: "Give a number of milliseconds or { type: 'fixed' | 'exponential', delay }.",
  },
  removeOnComplete: keepRule,
  removeOnFail: keepRule,
};

const COMPLETED_KEPT = 1_000;
const NO_BACKOFF: AddOptions['backoff'] = Object.freeze({ type: 'none', delayMs: 0 });
const DEFAULTS: AddOptions = Object.freeze({
  delayMs: 0,
  priority: 0,
  attemptsMax: 1,
  backoff: NO_BACKOFF,
  keepCompleted: COMPLETED_KEPT,
  keepFailed: -1,
});

/**
 * From the user's names to those of the request.
 * @param defaults what holds for everything that `options` leaves out.
 * @throws {UnknownOptionError | InvalidOptionError}
 */
export function addOptionsOf(options: JobOptions | undefined, defaults: AddOptions = DEFAULTS): AddOptions {
  if (options === undefined) return defaults;
  checkOptions(options, RULES);
  const { delay, priority, attempts, backoff, removeOnComplete, removeOnFail } = options;
  return {
    delayMs: delay ?? defaults.delayMs,
    priority: priority ?? defaults.priority,
    attemptsMax: attempts ?? defaults.attemptsMax,
    backoff: backoff === undefined ? defaults.backoff : backoffOf(backoff),
    keepCompleted: removeOnComplete === undefined ? defaults.keepCompleted : keptOf(removeOnComplete),
    keepFailed: removeOnFail === undefined ? defaults.keepFailed : keptOf(removeOnFail),
  };
}

function backoffOf(backoff: number | BackoffOptions): AddOptions['backoff'] {
  if (typeof backoff === 'number') return backoff === 0 ? NO_BACKOFF : { type: 'fixed', delayMs: backoff };
  checkOptions(backoff, backoffRules);
  return { type: backoff.type, delayMs: backoff.delay };
}

const keptOf = (remove: boolean | number): number => (typeof remove === 'number' ? remove : remove ? 0 : -1);
