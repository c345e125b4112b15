import { Network } from './network.ts';

/** Three nodes and 20 entries; node 1 leads. Node 2 has lost its disk, and is back with a new one. */
export function aNetworkWithAReplacedDisk() {
  const network = new Network({ nodes: 3 });
  network.elect(1);
  for (let value = 0; value < 20; value += 1) network.propose(1, value);
  network.run(50);
  network.loseDisk(2);
  network.restart(2);
  const { id: disk } = network.disk(2);
  /** The configuration of the leader identifies node 2 by its new disk. */
  const isAccepted = (): boolean => network.core(1).view.configuration.disks.some((each) => each.node === 2 && each.disk === disk);
  return { network, isAccepted };
}
