/** What the process of a flood gets as its argument. */
export interface FloodSettings {
  readonly endpoints: readonly string[];
  readonly queue: string;
  readonly inFlight: number;
  readonly durationMs: number;
}

/** What it sends to its parent at its end. */
export interface FloodReport {
  readonly ids: readonly string[];
  /** Codes of errors, with their number. */
  readonly errors: Readonly<Record<string, number>>;
}
