import { configurationIn } from '../raft/configuration-codec.ts';
import type { PersistedState } from './port.ts';

/** The members of the cluster by the latest configuration that was stored, ascending; undefined where there is none yet. */
export function storedMembers({ checkpoint, entries }: PersistedState): readonly number[] | undefined {
  const entry = entries.findLast(({ kind }) => kind === 'configuration');
  const configuration = entry === undefined ? checkpoint?.configuration : configurationIn(entry);
  if (configuration === undefined) return undefined;
  const { voters, outgoing, learners, joining } = configuration;
  return [...new Set<number>([...voters, ...outgoing, ...learners, ...joining])].sort((one, other) => one - other);
}
