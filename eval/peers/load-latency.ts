import { AlarmClock } from '../load/alarm-clock.ts';
import { summarizeLatency } from '../measuring/latency-summary.ts';
import { offerAdds } from './open-loop.ts';
import { ADDS_MEASURE, type LabelledMeasure, PAYLOAD, type PeerFigure, type PeerMeasure } from './peer-measures.ts';

/** Percent of the system's own {@link ADDS_MEASURE}. */
const LOADS = [10, 25, 50, 75] as const;
const WARM_UP_SHARE = 0.1;

/** Latency at rates below the maximum. A rate is a measure of its own, so that one that is not sustained does not hide the others. */
export const LOAD_MEASURES: readonly LabelledMeasure[] = LOADS.map((percent) => ({
  label: `adds at ${percent} % of its own rate`,
  measure: latencyAt(percent),
}));

function latencyAt(percent: number): PeerMeasure {
  const name = (figure: string): string => `adds at ${percent} % of its own rate, ${figure}`;
  return async (_peer, running, { addsPerSecond, loadSeconds, seed, signal }) => {
    if (addsPerSecond === undefined) throw new Error(`The session has no figure for "${ADDS_MEASURE}".`);
    const ratePerSecond = (addsPerSecond * percent) / 100;
    const durationMs = loadSeconds * 1000;
    // A timer would wake the sender up to a millisecond late, which is more than some of these systems take.
    await using clock = await AlarmClock.open();
    const queue = await running.openQueue(`adds-at-${percent}`);
    try {
      const { latenciesMs, senderDelaysMs } = await offerAdds(() => queue.add(PAYLOAD), {
        ...{ ratePerSecond, durationMs, warmUpMs: durationMs * WARM_UP_SHARE, seed: seed + percent, clock, signal },
      });
      await queue.empty?.(signal);
      const latency = summarizeLatency(latenciesMs);
      const delay = summarizeLatency(senderDelaysMs);
      const figures: PeerFigure[] = [{ measure: name('offered'), unit: '/s', value: ratePerSecond }];
      const inMs = { p50: latency.p50Ms, p99: latency.p99Ms, "sender's delay, p50": delay.p50Ms, "sender's delay, p99": delay.p99Ms };
      for (const [figure, value] of Object.entries(inMs)) {
        // A percentile of too few adds is left out.
        if (value !== null) figures.push({ measure: name(figure), unit: 'ms', value });
      }
      return figures;
    } finally {
      await queue.close();
    }
  };
}
