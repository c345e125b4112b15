import type { Queue } from '../../src/index.ts';
import { Fifo } from '../load/fifo.ts';
import { LaneLoad } from '../load/lane-load.ts';
import { measureSteadyState, type SteadyLoad, type SteadyState } from '../load/steady-state.ts';
import { waitingJobsThatFit } from '../load/waiting-jobs.ts';
import { systemClock } from '../measuring/clock.ts';
import { SMALL_BYTES } from './bench-cluster.ts';
import type { BenchFigure, FigureDefinition, Unit } from './figure.ts';

/** The steady state of a load on a new cluster, whose threads' code is still being compiled at first. */
export const steadyState = <T>(load: SteadyLoad, signal: AbortSignal, sample: () => T | Promise<T>): Promise<SteadyState<T>> =>
  measureSteadyState(load, { clock: systemClock, signal, sample });

/** Name of the figure of the first second, in which a new cluster compiles its code. */
export const coldNameOf = (figure: string): string => `${figure}: first second`;

/** A rate in the steady state, and that of the first second. The second one is no goal, and depends on the compiler rather than the floor. */
export const steadyDefinitions = (definition: FigureDefinition): readonly FigureDefinition[] => [
  definition,
  { name: coldNameOf(definition.name), unit: definition.unit, better: 'more', floor: 'none' },
];

/** The figures of {@link steadyDefinitions}. @param perEvent value of one event a second in the figure's unit. */
export async function measureRate(
  load: SteadyLoad,
  signal: AbortSignal,
  { name, unit, perEvent = 1 }: { readonly name: string; readonly unit: Unit; readonly perEvent?: number },
): Promise<readonly BenchFigure[]> {
  const { perSecond, firstSecondPerSecond, isSteady } = await steadyState(load, signal, () => undefined);
  return [
    { figure: name, unit, value: perSecond * perEvent, isSteady },
    { figure: coldNameOf(name), unit, value: firstSecondPerSecond * perEvent },
  ];
}

/** Adds of 64 B without a consumer. The jobs stay in the queue: the load ends before they take more than half of the free memory. */
export function smallAdds(queue: Queue, { lanes, nodes }: { readonly lanes: number; readonly nodes: number }): LaneLoad {
  const payload = new Uint8Array(SMALL_BYTES);
  return new LaneLoad({ lanes, call: () => queue.add('message', payload), eventsMax: waitingJobsThatFit(nodes) });
}

/**
 * An add of a large payload without a consumer. Many would not fit into memory, so each removes the oldest job once `waitingMax` jobs wait: a
 * command of a few bytes beside the payload.
 */
export function largePayloadAdd(queue: Queue, bytes: number, waitingMax: number): () => Promise<void> {
  const payload = new Uint8Array(bytes);
  const waiting = new Fifo<string>();
  return async () => {
    const oldest = waiting.length >= waitingMax ? waiting.shift() : undefined;
    const [{ id }] = await Promise.all([queue.add('message', payload), oldest === undefined ? undefined : queue.remove(oldest)]);
    waiting.push(id);
  };
}

/** Adds of large payloads without a consumer, see {@link largePayloadAdd}. */
export const largePayloadAdds = (
  queue: Queue,
  { lanes, bytes, waitingMax }: { readonly lanes: number; readonly bytes: number; readonly waitingMax: number },
): LaneLoad => new LaneLoad({ lanes, call: largePayloadAdd(queue, bytes, waitingMax) });
