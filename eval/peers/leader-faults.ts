import { measureOutage } from './outage.ts';
import type { LeaderFaults } from './peer.ts';
import { type LabelledMeasure, PAYLOAD, type PeerFigure, type PeerMeasure } from './peer-measures.ts';

/** Silence is last: a node that was paused has open calls of its clients. */
export const FAULT_MEASURES: readonly LabelledMeasure[] = [
  {
    label: 'leader kills',
    measure: outages('leader killed: last to next acknowledged add', {
      begin: (leader) => leader.kill(),
      end: (leader) => leader.restart(),
    }),
  },
  {
    label: 'silent leaders',
    measure: outages('leader silent: last to next acknowledged add', {
      begin: (leader) => leader.pause(),
      end: (leader) => leader.resume(),
    }),
  },
];

interface Fault {
  readonly begin: (leader: LeaderFaults) => Promise<void>;
  readonly end: (leader: LeaderFaults) => Promise<void>;
}

function outages(measure: string, { begin, end }: Fault): PeerMeasure {
  return async (_peer, running, { faults, signal }) => {
    const { failover } = running;
    if (failover === undefined) return [];
    const name = measure.replaceAll(/[^a-z]+/g, '-');
    const queue = await running.openQueue(name);
    try {
      const figures: PeerFigure[] = [];
      for (let fault = 0; fault < faults && !signal.aborted; fault += 1) {
        const leader = await failover.findLeader(name);
        let value: number | undefined;
        try {
          value = await measureOutage(
            () => queue.add(PAYLOAD),
            () => begin(leader),
            signal,
          );
        } finally {
          await end(leader);
        }
        if (value !== undefined) figures.push({ measure, unit: 'ms', value });
      }
      return figures;
    } finally {
      await queue.close();
    }
  };
}
