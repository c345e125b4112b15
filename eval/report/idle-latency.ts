import { existsSync, readFileSync } from 'node:fs';
import { formatNumber } from '../measuring/format.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import type { LatencyDistribution } from '../replay/analysis.ts';
import { readPeers } from './peers-session.ts';

/** p50 of an add of 64 B that hardly waits for others, as the comparison with other queues measures it. */
export interface IdleLatency {
  readonly how: string;
  readonly p50Ms: number;
}

/** Of this system: one add at a time, and at a low rate. */
export function idleLatencies({ peersFile }: ResultsFolder): readonly IdleLatency[] {
  const session = existsSync(peersFile) ? readPeers(readFileSync(peersFile, 'utf8')) : undefined;
  const of = (measure: string): number | undefined => session?.find('jobraft', measure)?.value;
  const [alone, low, offered] = [
    'add, one at a time, p50',
    'adds at 10 % of its own rate, p50',
    'adds at 10 % of its own rate, offered',
  ].map(of);
  if (alone === undefined || low === undefined || offered === undefined) return [];
  return [
    { how: 'one at a time', p50Ms: alone },
    { how: `open loop, ${formatNumber(offered)}/s`, p50Ms: low },
  ];
}

/** A rate of a few hundred a second is slower than one of many thousands: an anomaly, as long as nothing explains it. */
export function idleNote({ p50, offeredPerSecond }: LatencyDistribution, others: readonly IdleLatency[]): readonly string[] {
  if (others.length === 0 || others.some(({ p50Ms }) => p50Ms >= p50)) return [];
  const parts = others.map(({ how, p50Ms }) => `${formatNumber(p50Ms)} ms ${how}`).join(', ');
  return [
    `An anomaly that is not explained: at ${formatNumber(offeredPerSecond)}/s p50 is ${formatNumber(p50)} ms here, while the comparison with other queues has ${parts} (64 B). Sender and cluster are idle between two messages at the lower rate; whether waking them takes that time was not measured.`,
  ];
}
