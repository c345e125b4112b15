import { countOf, formatFew, formatNumber } from '../measuring/format.ts';
import { behindOthers, MEASURES } from './peers-behind.ts';
import { isOneProcess, isOwn, isSynced, OWN_PROCESSES, OWN_SYSTEM, type PeerRow, type PeerSession, shortName } from './peers-session.ts';
import type { Section } from './table.ts';

const ADDS = 'add, 64 B, many in flight';
const LOAD = /^(?<name>adds at \d+ % of its own rate), offered$/;
/** A client's process at this percentage of a core bounds the rate that is measured; at the second one it takes a whole core. */
export const CLIENT_BOUND_PERCENT = 90;
const WHOLE_CORE_PERCENT = 95;
/** Of the failure of a measurement: there was an outage before the fault that it was to inject. */
const OUTAGE = 'No add was acknowledged before the fault';

/** The system that is compared with the others: as processes where that was measured, since the others are processes, too. */
export const comparedOf = ({ systems }: PeerSession): PeerRow | undefined =>
  systems.find(({ peer }) => peer === OWN_PROCESSES) ?? systems.find(({ peer }) => peer === OWN_SYSTEM);

/** In few words, of jobraft and of the systems that sync and have as many nodes. */
export function peersAnswer(session: PeerSession): Pick<Section, 'answer' | 'brief'> {
  const own = comparedOf(session);
  const others = session.systems.filter((row) => !isOwn(row.peer) && isSynced(row) && row.nodes === own?.nodes);
  if (own === undefined || others.length === 0) return {};
  const all = [own, ...others];
  const rates = `Closed loop, synced, ${own.nodes} nodes: ${listOf(all, (row) => rateOf(session, row))} adds/s.`;
  const places = isOneProcess(own)
    ? "jobraft's nodes are threads in its client's process, others processes behind sockets."
    : "All nodes, also jobraft's, are processes behind sockets.";
  const open = `Open loop, sustained: ${listOf(all, (row) => openRateOf(session, row))}/s.`;
  const clients = boundText(session, all);
  const outages = outagesOf(session).reduce((sum, { rounds }) => sum + rounds, 0);
  const outage = outages === 0 ? '' : ` jobraft: ${countOf(outages, 'outage')} without a fault.`;
  return {
    brief: `${rates} ${places} ${open} ${clients}${outage}`,
    answer: `${rates} ${places} ${open} ${clients} ${worseOf(session, own, others)}${outage}`,
  };
}

/** Of which system the figures of jobraft are is said once. */
const listOf = (rows: readonly PeerRow[], text: (row: PeerRow) => string): string =>
  rows.map((row) => `${isOwn(row.peer) ? OWN_SYSTEM : shortName(row)} ${text(row)}`).join(', ');

function rateOf(session: PeerSession, { peer }: PeerRow): string {
  const row = session.find(peer, ADDS);
  return row === undefined ? '–' : formatFew(row.value, row.rounds);
}

/** Which systems their client bounds, with its share of a core; of none the highest share. */
function boundText(session: PeerSession, rows: readonly PeerRow[]): string {
  const shares = rows.flatMap((row) => {
    const percent = isOneProcess(row) ? undefined : session.clientPercentOf(row.peer);
    return percent === undefined ? [] : [{ name: isOwn(row.peer) ? OWN_SYSTEM : shortName(row), percent }];
  });
  if (shares.length === 0) return "The clients' share of a core was not measured.";
  const bounded = shares.filter(({ percent }) => percent >= CLIENT_BOUND_PERCENT);
  if (bounded.length === 0)
    return `No client bounds (at most ${Math.round(Math.max(...shares.map(({ percent }) => percent)))} % of a core).`;
  return `Bounded by the client: ${bounded
    .map(({ name, percent }) => `${name} (${percent >= WHOLE_CORE_PERCENT ? 'a whole core, ' : ''}${Math.round(percent)} %)`)
    .join(', ')}.`;
}

/** The highest rate at which messages were offered, and that no round failed to sustain. */
function openRateOf(session: PeerSession, { peer }: PeerRow): string {
  const offered = session.rows.flatMap((row) => {
    const name = LOAD.exec(row.measure)?.groups?.name;
    return row.peer === peer && name !== undefined && !session.hasFailed(peer, name) ? [row.value] : [];
  });
  return offered.length === 0 ? 'none' : formatNumber(Math.max(...offered));
}

/** `79 %`, or that the client bounds the rate. */
export function clientText(percent: number | undefined): string {
  if (percent === undefined) return 'not measured';
  const text = `${Math.round(percent)} %`;
  if (percent >= WHOLE_CORE_PERCENT) return `a whole core (${text}), which bounds it`;
  return percent >= CLIENT_BOUND_PERCENT ? `${text}, which bounds it` : text;
}

/** Where the range of a comparable system is better: by name if it is one measure, else their number; the lines below have them. */
function worseOf(session: PeerSession, own: PeerRow, others: readonly PeerRow[]): string {
  const worse = behindOthers(session, own, others, shortName).filter(({ isWorse }) => isWorse);
  const [first] = worse;
  if (first === undefined) return 'jobraft is worse in none.';
  return worse.length === 1 ? `jobraft is worse in: ${first.name}.` : `jobraft is worse in ${worse.length} of ${MEASURES} measures.`;
}

/** All in which another system's median is better, also of those that do not sync or have other nodes. */
export function behindTerms(session: PeerSession): readonly string[] {
  const own = comparedOf(session);
  if (own === undefined) return [];
  const behind = behindOthers(
    session,
    own,
    session.systems.filter(({ peer }) => !isOwn(peer)),
    shortName,
  );
  const listed = (isWorse: boolean): string =>
    behind
      .filter((of) => of.isWorse === isWorse)
      .map(({ text }) => text)
      .join('; ');
  return [
    ...(listed(true) === '' ? [] : [`${own.peer} is worse than these, whose ranges do not overlap with its own: ${listed(true)}.`]),
    ...(listed(false) === ''
      ? []
      : [
          `${own.peer} is not distinguishable from these, whose medians are better and whose ranges overlap with its own: ${listed(false)}.`,
        ]),
  ];
}

interface Outage {
  readonly peer: string;
  readonly measure: string;
  readonly rounds: number;
}

/** Rounds of this system in which no add was acknowledged before a fault. */
const outagesOf = (session: PeerSession): readonly Outage[] =>
  session.failed.filter(({ peer, reason }) => isOwn(peer) && reason.startsWith(OUTAGE));

/** An outage without a fault is an anomaly of its own. */
export const outageTerms = (session: PeerSession): readonly string[] =>
  outagesOf(session).map(({ peer, measure, rounds }) => {
    const figure = session.find(peer, `${FIGURES[measure] ?? measure}: last to next acknowledged add`);
    const others = figure === undefined ? 'no other round has a figure' : `the figure is of the other rounds alone, n=${figure.rounds}`;
    return `An anomaly that is not explained, an outage without a fault: in ${rounds} of ${countOf(session.first.rounds, 'round')} of "${measure}" no add of ${peer} was acknowledged in the half second before the fault, which was then not injected; ${others}. Neither elections nor losses were counted there.`;
  });

/** The figure of a measurement that fails. */
const FIGURES: Readonly<Record<string, string>> = { 'leader kills': 'leader killed', 'silent leaders': 'leader silent' };
