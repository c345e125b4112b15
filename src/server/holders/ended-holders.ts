import type { NodeId } from '../../base/ids.ts';
import type { Configuration } from '../../raft/entry.ts';
import { voteResult } from '../../raft/quorum.ts';
import type { HoldersReport } from './holder-record.ts';

/** What the leader knows of the clients of one member. */
export type MemberHolders =
  | ({ readonly type: 'reported' } & HoldersReport)
  /** The leader has had no channel to it for so long: no call of its clients reaches the leader. */
  | { readonly type: 'unreachable'; readonly forMs: number }
  /** It does not say, as a node of an earlier release: any holder may have a channel to it. */
  | { readonly type: 'unknown' };

/** All times are durations, as of the moment when the members were asked. */
export interface HoldersRound {
  /** For how long this node has led, with these members. */
  readonly leadingForMs: number;
  readonly configuration: Configuration;
  /** All members, the leader included. */
  readonly members: ReadonlyMap<NodeId, MemberHolders>;
}

/**
 * The holders whose processes have ended, so that their leases can be released before they end by themselves. A holder is one of them only if a
 * member saw how it ended its last channel, at least `graceMs` ago, and it cannot have one elsewhere. It errs on the side of the lease: a living
 * process keeps what it holds, and one that ended unseen (its machine failed, or is cut off) is left to the end of its leases.
 */
export function endedHolders({ leadingForMs, configuration, members }: HoldersRound, graceMs: number): number[] {
  const all = [...members.values()];
  const reports = all.filter((member) => member.type === 'reported');
  // After a change of leader or of members, clients of a node that is gone need time to reach another one.
  if (leadingForMs < graceMs) return [];
  if (all.some(({ type }) => type === 'unknown')) return [];
  // A node that was started again does not know the clients that it had before.
  if (reports.some(({ knownForMs }) => knownForMs < graceMs)) return [];
  // A leader that is cut off does not know where its clients have gone.
  if (voteResult(configuration, (voter) => members.get(voter)?.type === 'reported') !== 'won') return [];
  const open = new Set(reports.flatMap((report) => report.open));
  const lostForMs = Math.min(...all.map((member) => (member.type === 'unreachable' ? member.forMs : Number.POSITIVE_INFINITY)));
  return [...lastEnds(reports)].flatMap(([holder, agoMs]) => {
    // What ended before a member was lost may have been seen there last.
    const isOver = agoMs >= graceMs && agoMs < lostForMs;
    return isOver && !open.has(holder) ? [holder] : [];
  });
}

/** How long ago each holder ended its latest channel. */
function lastEnds(reports: readonly HoldersReport[]): Map<number, number> {
  const ends = new Map<number, number>();
  for (const { holder, agoMs } of reports.flatMap(({ ended }) => ended))
    ends.set(holder, Math.min(agoMs, ends.get(holder) ?? Number.POSITIVE_INFINITY));
  return ends;
}
