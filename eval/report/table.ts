/** A table of a report, in any of its forms. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}
