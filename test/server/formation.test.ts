import { describe, expect, it } from 'vitest';
import { type FormedCluster, formationOf, type Introduction } from '../../src/server/formation.ts';

const NODES = [1, 2, 3];
const introduction = (node: number, options: Partial<Introduction> = {}): Introduction => ({
  ...{ protocol: 1, clusterName: 'mail', node, disk: 100 + node, nodes: NODES, formed: undefined },
  ...options,
});
const replies = (...others: readonly Introduction[]): Map<number, Introduction> => new Map(others.map((other) => [other.node, other]));

const formed: FormedCluster = { cluster: 55, founders: NODES.map((node) => ({ node, disk: 200 + node })) };

describe('a node whose folder is new', () => {
  it('waits until all nodes of its configuration have replied', () => {
    expect(formationOf(introduction(1), replies())).toEqual({ type: 'waiting', missing: [2, 3], reason: undefined });
    expect(formationOf(introduction(1), replies(introduction(3)))).toEqual({ type: 'waiting', missing: [2], reason: undefined });
  });

  it('forms the cluster with the disks of all; every node computes the same one', () => {
    const ofEach = NODES.map((own) =>
      formationOf(introduction(own), replies(...NODES.filter((node) => node !== own).map((node) => introduction(node)))),
    );
    expect(ofEach[0]).toMatchObject({ type: 'formed', cluster: { founders: NODES.map((node) => ({ node, disk: 100 + node })) } });
    expect(ofEach[1]).toEqual(ofEach[0]);
    expect(ofEach[2]).toEqual(ofEach[0]);
  });

  it('forms another cluster with another disk or name', () => {
    const idWith = (own: Partial<Introduction>): unknown => {
      const formation = formationOf(introduction(1, { nodes: [1], ...own }), replies());
      return formation.type === 'formed' ? formation.cluster.cluster : formation;
    };
    expect(new Set([idWith({}), idWith({ disk: 7 }), idWith({ clusterName: 'web' })]).size).toBe(3);
    expect(idWith({})).toBeGreaterThan(0);
  });

  it('belongs to the cluster that one other node has, with the disks that this was formed with: its own was lost', () => {
    expect(formationOf(introduction(1), replies(introduction(2, { formed })))).toEqual({ type: 'formed', cluster: formed });
  });

  it('is rejected when the others have two clusters', () => {
    const other = introduction(3, { formed: { ...formed, cluster: 56 } });
    expect(formationOf(introduction(1), replies(introduction(2, { formed }), other))).toMatchObject({
      type: 'rejected',
      reason: expect.stringContaining('Node 2 belongs to cluster 55, node 3 to cluster 56'),
    });
  });

  it.each([
    ['of another cluster', { clusterName: 'web' }, 'Node 2 belongs to the cluster "web", this node to "mail".'],
    ['of another protocol', { protocol: 2 }, 'Node 2 speaks version 2 of the protocol, this node version 1.'],
    ['with another id than its address has in the configuration', { node: 3 }, 'At the address of node 2 is node 3.'],
  ])('does not count a node %s: rejected if that one is in use, else it waits and says why', (_what, options, reason) => {
    const own = introduction(1);
    const other = (more: Partial<Introduction>) =>
      new Map([
        [2, introduction(2, { ...options, ...more })],
        [3, introduction(3)],
      ]);
    expect(formationOf(own, other({ formed }))).toMatchObject({ type: 'rejected', reason: expect.stringContaining(reason) });
    expect(formationOf(own, other({}))).toMatchObject({ type: 'waiting', missing: [2], reason: expect.stringContaining(reason) });
  });

  it('does not count a new node with another list of nodes', () => {
    const others = replies(introduction(2, { nodes: [1, 2] }), introduction(3));
    const reason = expect.stringContaining('Node 2 has the nodes 1, 2, this node 1, 2, 3.');
    expect(formationOf(introduction(1), others)).toEqual({ type: 'waiting', missing: [2], reason });
  });

  it('belongs to a cluster whose members changed since, if it is one of them; else it learns how to join', () => {
    const others = replies(introduction(2, { nodes: [1, 2, 5], formed }));
    expect(formationOf(introduction(1), others)).toEqual({ type: 'formed', cluster: formed });
    expect(formationOf(introduction(3), others)).toEqual({
      type: 'rejected',
      reason: expect.stringContaining('with the members 1, 2, 5. Add this node to it with "jobraft serve --join"'),
    });
  });
});
