import type { Sometimes } from './coverage.ts';
import { SOMETIMES } from './coverage.ts';
import { FAULT_TYPES, type FaultType } from './fault.ts';
import type { Failure, RunOutcome } from './run-plan.ts';

export interface SeedViolation extends Failure {
  readonly seed: number;
}

/** Totals over many seeds. */
export class Summary {
  seeds = 0;
  events = 0;
  simulatedMs = 0;
  operations = 0;
  readonly violations: SeedViolation[] = [];
  readonly #faults = new Map<FaultType, number>();
  readonly #sometimes = new Map<Sometimes, number>();

  add(outcome: RunOutcome): void {
    this.seeds += 1;
    this.events += outcome.events;
    this.simulatedMs += outcome.simulatedMs;
    this.operations += outcome.operations;
    if (outcome.failure !== undefined) this.violations.push({ seed: outcome.seed, ...outcome.failure });
    for (const type of FAULT_TYPES) this.#faults.set(type, (this.#faults.get(type) ?? 0) + (outcome.faults[type] ?? 0));
    for (const what of SOMETIMES) this.#sometimes.set(what, (this.#sometimes.get(what) ?? 0) + (outcome.sometimes[what] ?? 0));
  }

  get simulatedHours(): number {
    return this.simulatedMs / 3_600_000;
  }

  /** Hard cases that no seed reached. */
  neverReached(): readonly Sometimes[] {
    return SOMETIMES.filter((what) => (this.#sometimes.get(what) ?? 0) === 0);
  }

  lines(wallMs: number): string[] {
    const perSecond = Math.round(this.events / (wallMs / 1000));
    const counts = (entries: Iterable<readonly [string, number]>): string[] =>
      [...entries].map(([name, count]) => `  ${String(count).padStart(9)}  ${name}`);
    const never = this.neverReached();
    return [
      `${this.seeds} seeds, ${this.simulatedHours.toFixed(2)} simulated hours, ${this.events} events, ${perSecond} events a second, ${this.operations} client events`,
      'faults:',
      ...counts(this.#faults),
      'sometimes:',
      ...counts(this.#sometimes),
      never.length === 0 ? 'every one of the hard cases was reached' : `never reached: ${never.join('; ')}`,
      this.violations.length === 0 ? 'no violation' : `${this.violations.length} violations:`,
      ...this.violations.slice(0, 20).map(({ seed, invariant, message }) => `  seed ${seed}: ${invariant}: ${message}`),
    ];
  }
}
