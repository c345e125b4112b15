import { formatNumber } from '../measuring/format.ts';
import type { PeerRow, PeerSession } from './peers-session.ts';

interface Compared {
  readonly measure: string;
  /** As the sentence names it. */
  readonly name: string;
  readonly better: 'more' | 'less';
  readonly unit: string;
}

const COMPARED: readonly Compared[] = [
  { measure: 'add, 64 B, many in flight', name: 'adds with many in flight', better: 'more', unit: '/s' },
  { measure: 'add, claim, complete', name: 'jobs added, claimed and completed', better: 'more', unit: '/s' },
  { measure: 'add, one at a time, p50', name: 'p50 of one add at a time', better: 'less', unit: ' ms' },
  { measure: 'add, one at a time, p99', name: 'p99 of one add at a time', better: 'less', unit: ' ms' },
  { measure: 'leader killed: last to next acknowledged add', name: 'gap of a killed leader', better: 'less', unit: ' ms' },
  { measure: 'leader silent: last to next acknowledged add', name: 'gap of a silent leader', better: 'less', unit: ' ms' },
];

/** A measure in which another system's median is better. */
export interface Behind {
  readonly name: string;
  /** `p99 of one add at a time (4.23 ms, RabbitMQ 3.92 ms)`. */
  readonly text: string;
}

/** In what `own` is behind the best of the others, whose rows are as durable and have as many nodes. */
export function behindOthers(
  session: PeerSession,
  own: PeerRow,
  others: readonly PeerRow[],
  nameOf: (row: PeerRow) => string,
): readonly Behind[] {
  return COMPARED.flatMap(({ measure, name, better, unit }) => {
    const medianIn = ({ peer }: PeerRow): number | undefined => session.find(peer, measure)?.value;
    const sign = better === 'more' ? -1 : 1;
    const found = others.flatMap((row) => {
      const value = medianIn(row);
      return value === undefined ? [] : [{ row, value }];
    });
    const [best] = found.sort((a, b) => sign * (a.value - b.value));
    const value = medianIn(own);
    if (best === undefined || value === undefined || sign * (value - best.value) <= 0) return [];
    return [{ name, text: `${name} (${formatNumber(value)}${unit}, ${nameOf(best.row)} ${formatNumber(best.value)}${unit})` }];
  });
}
