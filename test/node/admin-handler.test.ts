import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { AdminHandler } from '../../src/node/admin-handler.ts';
import { ClientOutbox } from '../../src/node/outbox.ts';
import { readServerFrames } from '../../src/protocol/client-frame.ts';
import { emptyEffects, type Rejection } from '../../src/raft/effects.ts';
import type { MembershipChange } from '../../src/raft/membership.ts';
import { aCore } from '../raft/builders.ts';

/** A handler whose core replies as the test decides. */
class AdminSetup {
  says: Rejection | undefined;
  readonly asked: { readonly change: MembershipChange; readonly isRepeated: boolean }[] = [];
  readonly #clients = new ClientOutbox();
  readonly handler = new AdminHandler(
    {
      view: aCore().view,
      applied: () => aCore().view.commit,
      changeMembership: (change, isRepeated) => {
        this.asked.push({ change, isRepeated });
        return { ...emptyEffects(), rejected: this.says };
      },
      transferLeadership: emptyEffects,
      rebuild: emptyEffects,
      expectNoLeader: emptyEffects,
    },
    this.#clients,
  );

  remove(connection: number, node: number): void {
    this.handler.onFrame(connection, { type: 'change', call: 100 + node, add: [], remove: [node], learners: [] });
  }

  /** The replies to each connection since the last call. */
  replies(): string[] {
    const replies: string[] = [];
    this.#clients.flush({
      sendToPeer: () => undefined,
      sendToClient: (connection, packet) => {
        for (const frame of readServerFrames(packet)) {
          if (frame.type === 'done') replies.push(`${connection}: ${frame.call} done`);
          else if (frame.type === 'admin-rejected') replies.push(`${connection}: ${frame.call} ${frame.reason}`);
        }
      },
    });
    return replies;
  }
}

const VOTERS_ASKED: Rejection = { reason: 'voters-asked', voters: [1, 2, 3].map(asNodeId) };

describe('a membership change that waits for the voters’ replies', () => {
  function aPendingChange(): AdminSetup {
    const setup = new AdminSetup();
    setup.says = VOTERS_ASKED;
    setup.remove(7, 3);
    setup.handler.onTurn();
    return setup;
  }

  it('is requested once, and repeated with each turn until it is decided', () => {
    const setup = aPendingChange();
    expect(setup.replies()).toEqual([]);
    setup.says = undefined;
    setup.handler.onTurn();
    setup.handler.onTurn();
    expect(setup.replies()).toEqual(['7: 103 done']);
    expect(setup.asked.map(({ isRepeated }) => isRepeated)).toEqual([false, true, true]);
  });

  it.each([
    [{ reason: 'too-few-voters', present: [], voters: [] }, 'CHANGE_PENDING'],
    [{ reason: 'not-leader', leader: undefined }, 'NOT_LEADER'],
  ] as const)('is answered with the reason of its rejection: %j', (rejected, reason) => {
    const setup = aPendingChange();
    setup.says = rejected;
    setup.handler.onTurn();
    expect(setup.replies()).toEqual([`7: 103 ${reason}`]);
  });

  it('is not replaced by the next one, which is rejected', () => {
    const setup = aPendingChange();
    setup.remove(8, 2);
    expect(setup.replies()).toEqual(['8: 102 CHANGE_PENDING']);
    setup.says = undefined;
    setup.handler.onTurn();
    expect(setup.replies()).toEqual(['7: 103 done']);
    expect(setup.asked.every(({ change }) => change.remove.join() === '3')).toBe(true);
  });
});
