import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { AdminDesk } from '../../src/node/admin-desk.ts';
import { ClientOutbox } from '../../src/node/outbox.ts';
import { emptyEffects, type Refusal } from '../../src/raft/effects.ts';
import type { MembershipChange } from '../../src/raft/membership.ts';
import { readServerFrames } from '../../src/transport/client-frame.ts';
import { aCore } from '../raft/builders.ts';

/** A desk whose core says what the test lets it say. */
class Office {
  says: Refusal | undefined;
  readonly asked: { readonly change: MembershipChange; readonly isRepeated: boolean }[] = [];
  readonly #clients = new ClientOutbox();
  readonly desk = new AdminDesk(
    {
      view: aCore().view,
      applied: () => aCore().view.commit,
      changeMembership: (change, isRepeated) => {
        this.asked.push({ change, isRepeated });
        return { ...emptyEffects(), refused: this.says };
      },
      transferLeadership: emptyEffects,
      rebuild: emptyEffects,
    },
    this.#clients,
  );

  remove(connection: number, node: number): void {
    this.desk.onFrame(connection, { type: 'change', call: 100 + node, add: [], remove: [node], learners: [] });
  }

  /** What each connection is told, since the last time. */
  answers(): string[] {
    const answers: string[] = [];
    this.#clients.flush({
      sendToPeer: () => undefined,
      sendToClient: (connection, packet) => {
        for (const frame of readServerFrames(packet)) {
          if (frame.type === 'done') answers.push(`${connection}: ${frame.call} done`);
          else if (frame.type === 'refused') answers.push(`${connection}: ${frame.call} ${frame.reason}`);
        }
      },
    });
    return answers;
  }
}

const VOTERS_ASKED: Refusal = { reason: 'voters-asked', voters: [1, 2, 3].map(asNodeId) };

describe('a change of members that voters have to answer first', () => {
  function anAskedOffice(): Office {
    const office = new Office();
    office.says = VOTERS_ASKED;
    office.remove(7, 3);
    office.desk.onTurn();
    return office;
  }

  it('is asked for once, and repeated with each turn until it is decided', () => {
    const office = anAskedOffice();
    expect(office.answers()).toEqual([]);
    office.says = undefined;
    office.desk.onTurn();
    office.desk.onTurn();
    expect(office.answers()).toEqual(['7: 103 done']);
    expect(office.asked.map(({ isRepeated }) => isRepeated)).toEqual([false, true, true]);
  });

  it.each([
    [{ reason: 'too-few-voters', present: [], voters: [] }, 'CHANGE_PENDING'],
    [{ reason: 'not-leader', leader: undefined }, 'NOT_LEADER'],
  ] as const)('is answered with why it is refused: %j', (refused, reason) => {
    const office = anAskedOffice();
    office.says = refused;
    office.desk.onTurn();
    expect(office.answers()).toEqual([`7: 103 ${reason}`]);
  });

  it('is not replaced by the next one, which is refused', () => {
    const office = anAskedOffice();
    office.remove(8, 2);
    expect(office.answers()).toEqual(['8: 102 CHANGE_PENDING']);
    office.says = undefined;
    office.desk.onTurn();
    expect(office.answers()).toEqual(['7: 103 done']);
    expect(office.asked.every(({ change }) => change.remove.join() === '3')).toBe(true);
  });
});
