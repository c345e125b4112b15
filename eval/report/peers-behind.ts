import { formatFew } from '../measuring/format.ts';
import { isSynced, type PeerRow, type PeerSession } from './peers-session.ts';

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
  {
    measure: 'adds at 50 % of its own rate, p99',
    name: 'p99 at half of the own rate',
    better: 'less',
    unit: ' ms',
  },
  { measure: 'leader killed: last to next acknowledged add', name: 'gap of a killed leader', better: 'less', unit: ' ms' },
  { measure: 'leader silent: last to next acknowledged add', name: 'gap of a silent leader', better: 'less', unit: ' ms' },
];

/** How many measures are compared. */
export const MEASURES = COMPARED.length;

/** A measure in which the medians of other systems are better. */
export interface Behind {
  readonly name: string;
  /** Whether the range of one of them does not overlap; else the two are not distinguishable. */
  readonly isWorse: boolean;
  /** `p99 of one add at a time (4.2 ms; RabbitMQ 3.9, NATS, not synced, 2.0)`. */
  readonly text: string;
}

/** In what `own` is behind others, by their medians: first where the ranges do not overlap. */
export function behindOthers(
  session: PeerSession,
  own: PeerRow,
  others: readonly PeerRow[],
  nameOf: (row: PeerRow) => string,
): readonly Behind[] {
  return [true, false].flatMap((isWorse) =>
    COMPARED.flatMap((compared): readonly Behind[] => {
      const mine = session.find(own.peer, compared.measure);
      if (mine === undefined) return [];
      const better = others.flatMap(({ peer }) => {
        const row = session.find(peer, compared.measure);
        return row !== undefined && isBetter(row, mine, compared) && isApart(row, mine) === isWorse ? [row] : [];
      });
      if (better.length === 0) return [];
      const parts = better.map((row) => `${nameOf(row)}${differenceOf(row, own)} ${formatFew(row.value, row.rounds)}`);
      const { name, unit } = compared;
      return [
        {
          ...{ name, isWorse },
          text: `${name} (${formatFew(mine.value, mine.rounds)}${unit}; ${parts.join(', ')})`,
        },
      ];
    }),
  );
}

const isBetter = (row: PeerRow, than: PeerRow, { better }: Compared): boolean =>
  better === 'more' ? row.value > than.value : row.value < than.value;

const isApart = (a: PeerRow, b: PeerRow): boolean => a.high < b.low || a.low > b.high;

/** What a system does not have, between commas; empty where it has as much. */
function differenceOf(row: PeerRow, own: PeerRow): string {
  const nodes = row.nodes === own.nodes ? [] : [row.nodes === 1 ? 'one node' : `${row.nodes} nodes`];
  const parts = [...nodes, ...(isSynced(row) ? [] : ['not synced'])];
  return parts.length === 0 ? '' : `, ${parts.join(', ')},`;
}
