import { describe, expect, it } from 'vitest';
import { ClusterClosedError, MembershipTimeoutError, NoLeaderError } from '../../src/client/errors.ts';
import { MemberChanges } from '../../src/cluster/member-changes.ts';

interface Setup {
  readonly voters?: readonly number[];
  readonly start?: (node: number) => Promise<void>;
  readonly change?: () => Promise<void>;
  readonly cancelAddition?: (nodes: readonly number[]) => Promise<readonly number[]>;
}

/** A cluster of the nodes 1, 2 and 3 with the parts that changes of members use. */
function aSetting({ voters = [1, 2, 3], start, change, cancelAddition }: Setup = {}) {
  let ids: readonly number[] = [1, 2, 3];
  const running = new Set(ids);
  const calls: string[] = [];
  const manifest = {
    get nodes(): readonly number[] {
      return ids;
    },
    add: (nodes: readonly number[]) => {
      ids = [...new Set([...ids, ...nodes])];
    },
    remove: (nodes: readonly number[]) => {
      ids = ids.filter((node) => !nodes.includes(node));
    },
    onFilesCreated: () => undefined,
  };
  const threads = {
    add: async (node: number) => {
      await start?.(node);
      running.add(node);
    },
    remove: async (nodes: readonly number[]) => {
      for (const node of nodes) running.delete(node);
    },
  };
  const control = {
    members: async () => ({ voters, learners: [], joining: [], leaving: [], isSettled: true }),
    change: async (add: readonly number[], remove: readonly number[]) => {
      calls.push(`add ${add.join()} remove ${remove.join()}`);
      await change?.();
    },
    cancelAddition: async (nodes: readonly number[]) => {
      calls.push(`cancel ${nodes.join()}`);
      return cancelAddition === undefined ? nodes : await cancelAddition(nodes);
    },
  };
  return { changes: new MemberChanges({ manifest, threads, control }), manifest, running, calls };
}

/** Expects these nodes in the manifest, all of them running. */
function expectNodes({ manifest, running }: ReturnType<typeof aSetting>, nodes: readonly number[]): void {
  expect(manifest.nodes).toEqual(nodes);
  expect([...running]).toEqual(nodes);
}

const late = (): Promise<never> => Promise.reject(new MembershipTimeoutError([4], [], 1));

describe('an addition that fails', () => {
  it('because a thread does not start leaves nothing behind, and may be repeated', async () => {
    let isBlocked = true;
    const start = async (node: number) => {
      if (node === 5 && isBlocked) throw new Error('in the way');
    };
    const setting = aSetting({ start });
    const { changes, manifest, calls } = setting;
    await expect(changes.change([4, 5], [])).rejects.toThrow('in the way');
    expectNodes(setting, [1, 2, 3]);
    expect(calls).toEqual([]);
    isBlocked = false;
    await changes.change([4, 5], []);
    expect(manifest.nodes).toEqual([1, 2, 3, 4, 5]);
    expect(calls).toEqual(['add 4,5 remove ']);
  });

  it('because it takes too long is cancelled, and may be repeated', async () => {
    let attempts = 0;
    const setting = aSetting({ change: () => (++attempts === 1 ? late() : Promise.resolve()) });
    const { changes, calls } = setting;
    await expect(changes.change([4], [])).rejects.toMatchObject({ code: 'MEMBERSHIP_TIMEOUT' });
    expect(calls.at(-1)).toBe('cancel 4');
    expectNodes(setting, [1, 2, 3]);
    await changes.change([4], []);
    expectNodes(setting, [1, 2, 3, 4]);
  });

  it('keeps a node that became a voter meanwhile', async () => {
    const setting = aSetting({ change: late, cancelAddition: async () => [5] });
    const { changes } = setting;
    await expect(changes.change([4, 5], [])).rejects.toMatchObject({ code: 'MEMBERSHIP_TIMEOUT' });
    expectNodes(setting, [1, 2, 3, 4]);
  });

  it('keeps a node that may still become a voter, and allows the request again', async () => {
    let attempts = 0;
    const setting = aSetting({
      change: () => (++attempts === 1 ? late() : Promise.resolve()),
      cancelAddition: () => Promise.reject(new NoLeaderError()),
    });
    const { changes, manifest } = setting;
    await expect(changes.change([4], [])).rejects.toMatchObject({ code: 'MEMBERSHIP_TIMEOUT' });
    expectNodes(setting, [1, 2, 3, 4]);
    await changes.change([4], []);
    expect(manifest.nodes).toEqual([1, 2, 3, 4]);
  });

  it('because the cluster was closed writes nothing afterwards', async () => {
    const { changes, manifest, calls } = aSetting({ change: () => Promise.reject(new ClusterClosedError()) });
    await expect(changes.change([4], [])).rejects.toMatchObject({ code: 'CLUSTER_CLOSED' });
    expect(manifest.nodes).toEqual([1, 2, 3, 4]);
    expect(calls).toEqual(['add 4 remove ']);
  });
});

describe('an addition', () => {
  it('is rejected for an id that a voter has', async () => {
    const { changes, calls } = aSetting();
    await expect(changes.change([2], [])).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('taken') });
    expect(calls).toEqual([]);
  });

  it('is rejected while the same node is being added', async () => {
    const started = Promise.withResolvers<void>();
    const { changes, manifest } = aSetting({ start: () => started.promise });
    const first = changes.change([4], []);
    await expect(changes.change([4], [])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    started.resolve();
    await first;
    expect(manifest.nodes).toEqual([1, 2, 3, 4]);
  });
});

it('a removal takes id and thread once it is complete, and not before', async () => {
  const setting = aSetting({ change: late });
  const { changes } = setting;
  await expect(changes.change([], [3])).rejects.toMatchObject({ code: 'MEMBERSHIP_TIMEOUT' });
  expectNodes(setting, [1, 2, 3]);
});
