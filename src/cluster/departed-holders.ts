import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../client/client.ts';
import type { Roster } from './roster.ts';

const RETRY_MS = 200;

/**
 * Releases what the processes held that had this folder before: they are gone, since this one has their files. Tried until it is done: a
 * cluster may have no leader for a while.
 * @param client undefined once the cluster is closed.
 */
export async function releaseDeparted(roster: Roster, client: () => Client | undefined): Promise<void> {
  const { departed } = roster;
  for (let current = client(); current !== undefined && departed.length > 0; current = client()) {
    try {
      for (const holder of departed) await current.releaseHolder(holder);
      if (client() !== undefined) roster.onReleased(departed);
      return;
    } catch {
      // No leader within a call's deadline, or closed meanwhile. In the worst case the leases end by themselves.
      await sleep(RETRY_MS, undefined, { ref: false });
    }
  }
}
