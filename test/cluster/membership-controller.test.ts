import { describe, expect, it } from 'vitest';
import type { MemberChange } from '../../src/client/api/admin-calls.ts';
import { AdminRejectedError, DeadlineError } from '../../src/client/errors.ts';
import { Exclusive } from '../../src/cluster/exclusive.ts';
import type { AdminClient } from '../../src/cluster/membership-controller.ts';
import { MembershipController } from '../../src/cluster/membership-controller.ts';
import type { NodeStatus } from '../../src/protocol/client-frame.ts';
import { aNodeStatus } from './node-status.ts';

/** Returns these replies, one after the other, and the last one for all later calls. */
function controllerWith(...replies: readonly (Partial<NodeStatus> | Error)[]) {
  const asked: MemberChange[] = [];
  let next = 0;
  const client: AdminClient = {
    status: async () => {
      const reply = replies[Math.min(next, replies.length - 1)] ?? {};
      next += 1;
      if (reply instanceof Error) throw reply;
      return aNodeStatus(reply);
    },
    changeMembership: async (_, change) => {
      asked.push(change);
    },
    transferLeadership: async () => undefined,
  };
  const control = new MembershipController(
    () => client,
    async () => 1,
  );
  return { control, asked, client };
}

describe('a change of members', () => {
  it('continues with the next leader when one whose thread is stuck does not reply', async () => {
    const { control, asked } = controllerWith(new DeadlineError('not-applied'), {}, { voters: [1, 2, 3, 4] });
    await control.change([4], []);
    expect(asked).toEqual([{ add: [4], remove: [] }]);
  });

  it('continues when the reply to its request is lost', async () => {
    const { control, client } = controllerWith({}, { voters: [1, 2, 3, 4] });
    const lost = { ...client, changeMembership: () => Promise.reject(new DeadlineError('unknown')) };
    await new MembershipController(
      () => lost,
      async () => 1,
    ).change([4], []);
    await expect(control.members()).resolves.toMatchObject({ voters: [1, 2, 3, 4] });
  });

  it('removes a node that is leaving in a replacement whose joining node never comes', async () => {
    const { control, asked } = controllerWith({ joining: [9], leaving: [2] }, { voters: [1, 3], joining: [9] });
    await control.change([], [2]);
    expect(asked).toEqual([{ add: [], remove: [2] }]);
  });

  it('does not ask again for a replacement that is in progress', async () => {
    const { control, asked } = controllerWith({ joining: [9], leaving: [2] }, { voters: [1, 3, 9] });
    await control.change([9], [2]);
    expect(asked).toEqual([]);
  });

  it('reports what was not complete in time', async () => {
    const { client } = controllerWith({ joining: [4] });
    const control = new MembershipController(
      () => client,
      async () => 1,
      new Exclusive(),
      1,
    );
    await expect(control.change([4], [])).rejects.toMatchObject({ code: 'MEMBERSHIP_TIMEOUT', message: expect.stringContaining('add 4') });
  });
});

describe('an addition', () => {
  it('of a learner asks for one that never votes, and ends once that is committed', async () => {
    const { control, asked } = controllerWith({}, { learners: [4], isSettled: false }, { learners: [4] });
    await control.beginAddition(4, true);
    expect(asked).toEqual([{ learners: [4] }]);
  });

  it('makes a voter of a learner, and a learner of a node that joins', async () => {
    const promoted = controllerWith({ learners: [4] }, { joining: [4] });
    await promoted.control.beginAddition(4);
    expect(promoted.asked).toEqual([{ add: [4] }]);
    const kept = controllerWith({ joining: [4] }, { learners: [4] });
    await kept.control.beginAddition(4, true);
    expect(kept.asked).toEqual([{ learners: [4] }]);
  });
});

describe('an addition that is cancelled', () => {
  it('removes nodes that still receive the log, and returns the nodes that are not members', async () => {
    const { control, asked } = controllerWith({ joining: [4, 5] }, { joining: [], isSettled: false }, {});
    await expect(control.cancelAddition([4, 5])).resolves.toEqual([4, 5]);
    expect(asked).toEqual([{ remove: [4, 5] }]);
  });

  it('waits for a joint configuration to be complete, and leaves its voters', async () => {
    const joint = { voters: [1, 2, 3, 4], outgoing: [1, 2, 3], isSettled: false };
    const { control, asked } = controllerWith(joint, joint, { voters: [1, 2, 3, 4] });
    await expect(control.cancelAddition([4])).resolves.toEqual([]);
    expect(asked).toEqual([]);
  });

  it('asks again when the leader rejects for the moment', async () => {
    const { client } = controllerWith({ joining: [4] }, { joining: [4] }, {});
    let attempts = 0;
    const changeMembership = async () => {
      attempts += 1;
      if (attempts === 1) throw new AdminRejectedError('CHANGE_PENDING', 'Another change of members is in progress.', 1);
    };
    const control = new MembershipController(
      () => ({ ...client, changeMembership }),
      async () => 1,
    );
    await expect(control.cancelAddition([4])).resolves.toEqual([4]);
    expect(attempts).toBe(2);
  });
});
