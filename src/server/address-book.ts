import type { NodeAddress } from '../config/node-config.ts';

/** Beyond, a node that is not known yet is not taken up: more than members can be. */
const ADDRESSES_MAX = 256;

/** What is on disk. */
export interface StoredAddresses {
  readonly addresses: readonly NodeAddress[];
  /** The list `nodes` of the configuration, as it was at the last start. */
  readonly configured: readonly NodeAddress[];
}

/**
 * Where the nodes of the cluster listen. A line of the configuration counts from the start in which it is new or changed; later the addition of
 * a node announces its address, and each node announces its own when it calls. So the latest of these counts, and a configuration that lists
 * only some of the nodes is enough.
 */
export class AddressBook {
  readonly #ownNode: number;
  readonly #store: (stored: StoredAddresses) => void;
  readonly #addresses: Map<number, string>;
  #configured: readonly NodeAddress[];

  /** @param store puts it on disk. */
  constructor(ownNode: number, { addresses, configured }: StoredAddresses, store: (stored: StoredAddresses) => void) {
    this.#ownNode = ownNode;
    this.#store = store;
    this.#addresses = new Map(addresses.map(({ id, address }) => [id, address]));
    this.#configured = configured;
  }

  /** The configuration's list at a start. */
  onConfigured(nodes: readonly NodeAddress[]): void {
    const before = new Map(this.#configured.map(({ id, address }) => [id, address]));
    const changed = nodes.filter(({ id, address }) => {
      const known = this.#addresses.get(id);
      return before.get(id) !== address || known === undefined || (id === this.#ownNode && known !== address);
    });
    if (changed.length === 0 && nodes.length === before.size) return;
    this.#configured = nodes.map(({ id, address }) => ({ id, address }));
    for (const { id, address } of changed) this.#addresses.set(id, address);
    this.#write();
  }

  /** A node was added, or has called and announced its address. @returns whether it is news. */
  learn(node: number, address: string): boolean {
    const known = this.#addresses.get(node);
    if (node === this.#ownNode || known === address) return false;
    if (known === undefined && this.#addresses.size >= ADDRESSES_MAX) return false;
    this.#addresses.set(node, address);
    this.#write();
    return true;
  }

  addressOf(node: number): string | undefined {
    return this.#addresses.get(node);
  }

  /** All nodes whose address is known. */
  get nodes(): readonly number[] {
    return [...this.#addresses.keys()];
  }

  /** Those of the nodes whose address is known. */
  of(nodes: readonly number[]): Map<number, string> {
    const found = new Map<number, string>();
    for (const node of nodes) {
      const address = this.#addresses.get(node);
      if (address !== undefined) found.set(node, address);
    }
    return found;
  }

  #write(): void {
    const addresses = [...this.#addresses].map(([id, address]) => ({ id, address }));
    this.#store({ addresses, configured: this.#configured });
  }
}
