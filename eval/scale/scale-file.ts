import { appendFileSync, existsSync } from 'node:fs';
import { stringify } from 'csv-stringify/sync';
import type { ScaleFigure } from './scale-measure.ts';

export interface ScaleRow extends ScaleFigure {
  readonly measure: string;
  readonly size: number;
}

/** Conditions of a session; in every row. */
interface ScaleFacts {
  /** Its start time, ISO 8601. */
  readonly session: string;
  readonly commit: string;
  readonly environment: string;
}

const HEADER = ['session', 'measured', 'measure', 'size', 'figure', 'unit', 'value', 'commit', 'environment'];

/** Adds rows to scale.csv, each at once: an interrupted session keeps its figures. */
export class ScaleFile {
  readonly #path: string;
  readonly #facts: ScaleFacts;

  constructor(path: string, facts: ScaleFacts) {
    this.#path = path;
    this.#facts = facts;
  }

  append({ measure, size, figure, unit, value }: ScaleRow): void {
    const { session, commit, environment } = this.#facts;
    const row = [session, new Date().toISOString(), measure, size, figure, unit, value.toPrecision(6), commit, environment];
    appendFileSync(this.#path, stringify(existsSync(this.#path) ? [row] : [HEADER, row]));
  }
}
