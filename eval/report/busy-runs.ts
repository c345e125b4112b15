import { countOf, formatCount, formatNumber } from '../measuring/format.ts';
import { BUSY_SHARE } from '../measuring/machine-load.ts';
import { median } from '../measuring/statistics.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { RunRow } from '../replay/run-row.ts';

const busyShareOf = (row: RunRow): number => (row.other_cpu_share ?? 0) + (row.steal_share ?? 0);
const isBusy = (row: RunRow): boolean => busyShareOf(row) > BUSY_SHARE;

/** That other processes may have slowed runs down. */
export function busyLine(rows: readonly RunRow[]): readonly string[] {
  const busy = rows.filter(isBusy);
  if (busy.length === 0) return [];
  const most = Math.round(Math.max(...busy.map(busyShareOf)) * 100);
  return [
    `The machine was busy during ${busy.length} of ${rows.length} replayed runs: other processes used up to ${most} % of its processors. The medians include ${busy.length === 1 ? 'it' : 'them'}; "How it was made" names them, with what changes without them.`,
  ];
}

/** Which runs other processes may have slowed down, and what the medians are without them; empty where there are none. */
export function busyNote(rows: readonly RunRow[]): readonly string[] {
  const busy = rows.filter(isBusy);
  if (busy.length === 0) return [];
  const named = [...Map.groupBy(busy, nameOf)].map(([name, of]) => `${name} (run ${of.map(({ repetition }) => repetition).join(', ')})`);
  const changed = [...Map.groupBy(rows, nameOf)].flatMap(([name, of]) => changeOf(name, of));
  const without =
    changed.length === 0
      ? 'Without them no median of a rate differs.'
      : `Without them these medians of rates differ: ${changed.join('; ')}.`;
  return [
    `Busy, so that they may be slower: ${countOf(busy.length, 'run')} beside other processes that used more than ${Math.round(100 * BUSY_SHARE)} % of the processors: ${named.join('; ')}. The medians include them. ${without}`,
  ];
}

const nameOf = ({ kind, messages, payload_bytes }: RunRow): string =>
  kind === 'steady' ? `warm ${formatBytes(payload_bytes)}` : `${kind} ${formatCount(messages)} × ${formatBytes(payload_bytes)}`;

/** `fast 100 × 4 B 11,346 to 11,402 msg/s`; none where the shown figure stays the same, or no run is left. */
function changeOf(name: string, rows: readonly RunRow[]): readonly string[] {
  const rateOf = (of: readonly RunRow[]): number | undefined => {
    const rates = of.flatMap(({ valid, throughput_per_s }) => (valid && throughput_per_s !== null ? [throughput_per_s] : []));
    return rates.length === 0 ? undefined : median(rates);
  };
  // The rate of an open loop is that of its schedule.
  if (rows.some(({ load_model }) => load_model === 'open-loop')) return [];
  const [all, quiet] = [rateOf(rows), rateOf(rows.filter((row) => !isBusy(row)))];
  if (all === undefined) return [];
  if (quiet === undefined) return [`${name}: no run is left`];
  const [before, after] = [formatNumber(all), formatNumber(quiet)];
  return before === after ? [] : [`${name} ${after} in place of ${before} msg/s`];
}
