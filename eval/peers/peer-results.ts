import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stringify } from 'csv-stringify/sync';
import { median } from '../measuring/statistics.ts';
import { UserError } from '../measuring/user-error.ts';
import type { PeerFigure } from './peer-measures.ts';

/** Columns that are the same for all figures of one system. */
export interface MeasuredSystem {
  readonly name: string;
  readonly version: string;
  readonly client: string;
  readonly nodes: number;
  readonly durability: string;
  readonly completion: string;
  readonly settings: string;
}

export interface PeerSession {
  /** ISO time of its start; figures of one session were measured together. */
  readonly started: string;
  readonly commit: string;
  readonly environment: string;
  readonly seconds: number;
}

/** One figure of one system over all rounds so far. */
export interface PeerSummary {
  readonly system: MeasuredSystem;
  readonly measure: string;
  readonly unit: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** How many of the values are of a rate that did not become steady. */
  readonly notSteady: number;
}

const HEADER = [
  'session',
  'peer',
  'version',
  'client',
  'nodes',
  'durability',
  'measure',
  'unit',
  'value',
  'low',
  'high',
  'rounds',
  'seconds',
  'environment',
  'commit',
  'completion',
  'settings',
  'valid',
  'reason',
];

interface Measured {
  readonly system: MeasuredSystem;
  readonly unit: string;
  readonly values: number[];
  notSteady: number;
}

/** The reason in a valid row. */
const describeNotSteady = (count: number): string => (count === 0 ? '' : `${count} not steady`);

/** Collects the figures of a session and keeps results/peers.csv up to date after each: an interrupted session keeps its figures. */
export class PeerResults {
  readonly #file: string;
  readonly #session: PeerSession;
  /** Header and rows of earlier sessions, unchanged. */
  readonly #earlier: string;
  readonly #measured = new Map<string, Map<string, Measured>>();
  readonly #failures: { readonly system: MeasuredSystem; readonly measure: string; readonly reason: string }[] = [];

  /** @throws {UserError} when the file is there with other columns. */
  constructor(file: string, session: PeerSession) {
    this.#file = file;
    this.#session = session;
    const header = stringify([HEADER]);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : header;
    if (!text.startsWith(header)) {
      throw new UserError(`${file} has other columns than this version writes. Move it away, or name another folder with --out.`);
    }
    this.#earlier = text;
  }

  add(system: MeasuredSystem, figures: readonly PeerFigure[]): void {
    const measures = this.#measured.get(system.name) ?? new Map<string, Measured>();
    this.#measured.set(system.name, measures);
    for (const { measure, unit, value, isSteady } of figures) {
      const measured = measures.get(measure) ?? { system, unit, values: [], notSteady: 0 };
      measures.set(measure, measured);
      measured.values.push(value);
      if (isSteady === false) measured.notSteady += 1;
    }
    this.#write();
  }

  /** A failed measurement is a row as well. */
  fail(system: MeasuredSystem, measure: string, reason: string): void {
    this.#failures.push({ system, measure, reason });
    this.#write();
  }

  /** The value of the first round that has it: what is derived from it is the same in all rounds. */
  firstValue(system: string, measure: string): number | undefined {
    return this.#measured.get(system)?.get(measure)?.values[0];
  }

  summaries(): PeerSummary[] {
    return [...this.#measured.values()].flatMap((measures) =>
      [...measures].map(([measure, { system, unit, values, notSteady }]) => ({
        system,
        measure,
        unit,
        value: median(values),
        low: Math.min(...values),
        high: Math.max(...values),
        count: values.length,
        notSteady,
      })),
    );
  }

  #write(): void {
    const good = this.summaries().map(({ system, measure, unit, value, low, high, count, notSteady }) =>
      this.#row(
        system,
        [measure, unit, ...[value, low, high].map((figure) => figure.toPrecision(6)), String(count)],
        'true',
        describeNotSteady(notSteady),
      ),
    );
    const bad = this.#failures.map(({ system, measure, reason }) => this.#row(system, [measure, '', '', '', '', '0'], 'false', reason));
    // Renamed into place, so that a reader finds a complete file.
    writeFileSync(`${this.#file}.new`, `${this.#earlier}${stringify([...good, ...bad])}`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  #row(system: MeasuredSystem, figure: readonly string[], valid: string, reason: string): string[] {
    const { started, commit, environment, seconds } = this.#session;
    const { name, version, client, nodes, durability, completion, settings } = system;
    return [
      ...[started, name, version, client, String(nodes), durability],
      ...figure,
      ...[String(seconds), environment, commit, completion, settings, valid, reason],
    ];
  }
}
