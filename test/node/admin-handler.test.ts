import { describe, expect, it } from 'vitest';
import { asNodeId } from '../../src/base/ids.ts';
import { type AdminCore, AdminHandler } from '../../src/node/admin-handler.ts';
import { ClientOutbox } from '../../src/node/outbox.ts';
import { readServerFrames, type ServerFrame } from '../../src/protocol/client-frame.ts';
import { emptyEffects, type Rejection } from '../../src/raft/effects.ts';
import type { MembershipChange } from '../../src/raft/membership.ts';
import { aCore, logOf, type TestCore } from '../raft/builders.ts';

/** A handler whose core replies as the test decides. */
class AdminSetup {
  says: Rejection | undefined;
  readonly asked: { readonly change: MembershipChange; readonly isRepeated: boolean }[] = [];
  readonly #clients = new ClientOutbox();
  readonly handler: AdminHandler;

  constructor(core = aCore()) {
    this.handler = new AdminHandler(this.#core(core), this.#clients);
  }

  #core({ view }: Pick<TestCore, 'view'>): AdminCore {
    return {
      view,
      applied: () => view.commit,
      changeMembership: (change, isRepeated) => {
        this.asked.push({ change, isRepeated });
        return { ...emptyEffects(), rejected: this.says };
      },
      transferLeadership: emptyEffects,
      rebuild: emptyEffects,
      expectNoLeader: emptyEffects,
    };
  }

  /** Indexes of the entries in the reply to GetLog. */
  log(from: number, to: number): number[] {
    this.handler.onFrame(7, { type: 'log', call: 1, from, to });
    return this.#frames().flatMap(([, frame]) => (frame.type === 'log' ? frame.entries.map(({ index }) => index) : []));
  }

  remove(connection: number, node: number): void {
    this.handler.onFrame(connection, { type: 'change', call: 100 + node, add: [], remove: [node], learners: [] });
  }

  /** The replies to each connection since the last call. */
  replies(): string[] {
    return this.#frames().flatMap(([connection, frame]) => {
      if (frame.type === 'done') return [`${connection}: ${frame.call} done`];
      return frame.type === 'admin-rejected' ? [`${connection}: ${frame.call} ${frame.reason}`] : [];
    });
  }

  #frames(): (readonly [connection: number, frame: ServerFrame])[] {
    const frames: [number, ServerFrame][] = [];
    this.#clients.flush({
      sendToPeer: () => undefined,
      sendToClient: (connection, packet) => {
        for (const frame of readServerFrames(packet)) frames.push([connection, frame]);
      },
    });
    return frames;
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

describe('the reply to GetLog', () => {
  it('has the entries from one index to another, as far as the node has them', () => {
    const setup = new AdminSetup(aCore({ log: logOf(1, 1, 1, 1) }));
    expect(setup.log(2, 3)).toEqual([2, 3]);
    expect(setup.log(3, 9)).toEqual([3, 4]);
    expect(setup.log(5, 9)).toEqual([]);
  });

  it('ends before a client with the usual bound could not receive it, but has at least one entry', () => {
    const [small, large] = [1_400_000, 5_000_000];
    const log = [small, small, small, large, small].map((bytes, at) => ({ index: at + 1, term: 1, bytes }));
    const setup = new AdminSetup(aCore({ log }));
    expect(setup.log(1, 5)).toEqual([1, 2]);
    expect(setup.log(3, 5)).toEqual([3]);
    expect(setup.log(4, 5)).toEqual([4]);
    expect(setup.log(5, 5)).toEqual([5]);
  });
});
