/** A table of a report, in any of its forms. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A table with its heading and a note. */
export interface Section {
  readonly title: string;
  readonly note: string;
  readonly table: Table;
  /** Names of the charts that belong to it. */
  readonly charts: readonly string[];
}
