import { addsAlone, addsAloneOf, addsOnSchedule } from './add-latency.ts';
import {
  adds8KiB,
  adds16KiB,
  addsInBulk,
  addsInFlight,
  addsInFlightBeside,
  addsInFlightOf,
  cycle,
  cycleOf,
  hugeAdds,
  largeAdds,
} from './add-rates.ts';
import type { BenchMeasure } from './bench-measure.ts';
import { checkpointLatency } from './checkpoint-latency.ts';
import { grpc, grpcWithTls, unixSockets } from './cluster-kind.ts';
import { cycleMemory } from './cycle-memory.ts';
import { elections } from './elections.ts';
import type { FigureDefinition } from './figure.ts';
import { diskLimit, floor } from './floor.ts';
import { idleCpu } from './idle.ts';
import { adds1000, adds10000 } from './light-load.ts';
import { millionJobs } from './million-jobs.ts';
import { leaderIsolated, leaderKilled, leaderPaused } from './outage.ts';

/** Measured regardless of `--only`: without them no figure has a ratio. */
export const FLOORS: readonly BenchMeasure[] = [floor, diskLimit];

/** In the order of a round and of the table. The open loops use the capacity that `addsInFlight` finds. */
export const MEASURES: readonly BenchMeasure[] = [
  addsInFlight,
  addsInFlightOf(unixSockets),
  addsInFlightOf(grpc, 40_000),
  addsInFlightBeside(grpcWithTls, grpc, 0.7),
  addsInBulk,
  addsAlone,
  addsAloneOf(unixSockets),
  addsAloneOf(grpc, { p50: 0.9 }),
  addsAloneOf(grpcWithTls),
  addsOnSchedule,
  adds1000,
  adds10000,
  cycle,
  cycleOf(unixSockets),
  cycleOf(grpc),
  adds8KiB,
  adds16KiB,
  largeAdds,
  hugeAdds,
  leaderKilled,
  leaderPaused,
  leaderIsolated,
  checkpointLatency,
  idleCpu,
  millionJobs,
  cycleMemory,
  elections,
];

export const DEFINITIONS: readonly FigureDefinition[] = [...FLOORS, ...MEASURES].flatMap(({ figures }) => figures);

/** The measure with this label; else those whose label, or one of whose figures, contains `text`; all without a text. */
export function selectMeasures(text: string | undefined): readonly BenchMeasure[] {
  if (text === undefined) return MEASURES;
  const wanted = text.toLowerCase();
  const exact = MEASURES.filter(({ label }) => label.toLowerCase() === wanted);
  if (exact.length > 0) return exact;
  return MEASURES.filter(({ label, figures }) =>
    [label, ...figures.map(({ name }) => name)].some((name) => name.toLowerCase().includes(wanted)),
  );
}
