import { asNodeId } from '../../src/base/ids.ts';
import type { Effects } from '../../src/raft/effects.ts';
import type { MembershipChange } from '../../src/raft/membership.ts';
import type { Network } from './network.ts';

/** A membership change in plain numbers. */
export interface PlainChange {
  readonly add?: readonly number[];
  readonly remove?: readonly number[];
  readonly learners?: readonly number[];
}

export const changeOf = ({ add = [], remove = [], learners = [] }: PlainChange): MembershipChange => ({
  add: add.map(asNodeId),
  remove: remove.map(asNodeId),
  learners: learners.map(asNodeId),
});

/**
 * Requests a membership change, repeated while the voters are asked to reply.
 * @returns the effects that decided it; undefined if the node is down.
 */
export function changeMembers(network: Network, leader: number, change: MembershipChange): Effects | undefined {
  let effects = network.step(leader, { type: 'change-membership', change });
  network.runUntil(() => {
    const isDecided = effects?.rejected?.reason !== 'voters-asked';
    if (!isDecided) effects = network.step(leader, { type: 'change-membership', change, isRepeated: true });
    return isDecided;
  });
  return effects;
}
