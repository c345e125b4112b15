import { ByteWriter } from '../base/bytes.ts';
import { writeClientFrame } from '../protocol/client-frame.ts';
import { RequestEncoder, SESSION_ID_END } from '../protocol/request-encoder.ts';
import { SESSIONS_MAX } from '../queue/state-bounds.ts';
import type { SimCluster } from './sim-cluster.ts';

/** The replies are not received. */
const CROWD_CONNECTION = 901;
/** The openings are sent under numbers from here on. */
const CROWD_NUMBER = SESSION_ID_END + 10_000_000;

/** Sends as many openings as the state keeps sessions. @returns false when there is no leader. */
export function openSessions(cluster: SimCluster): boolean {
  const leader = cluster.leader();
  if (leader === undefined) return false;
  cluster.coverage.add('more sessions opened than are remembered');
  const encoder = new RequestEncoder(64);
  const to = new ByteWriter(65_536);
  for (let opened = 0; opened < SESSIONS_MAX; opened += 1) {
    encoder.begin(CROWD_NUMBER + opened, 1, 1);
    encoder.command('openSession', {});
    writeClientFrame(to, { type: 'request', request: encoder.finish() });
  }
  cluster.sendToNode(CROWD_CONNECTION, leader.id, to.copy());
  return true;
}
