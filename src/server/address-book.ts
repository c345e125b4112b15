import { ADDRESS, type NodeAddress } from '../config/node-config.ts';

/** Beyond, a node that is not known yet is not taken up: more than members can be. */
const ADDRESSES_MAX = 256;

/** What is on disk. */
export interface StoredAddresses {
  /** Where each node is called. */
  readonly addresses: readonly NodeAddress[];
  /** What a node announced last, if it was not the address at which it is called. */
  readonly announced: readonly NodeAddress[];
  /** The list `nodes` of the configuration, as it was at the last start. */
  readonly configured: readonly NodeAddress[];
}

export interface AddressBookOptions {
  readonly own: number;
  readonly stored: StoredAddresses;
  /** Puts it on disk. */
  readonly store: (stored: StoredAddresses) => void;
  /** Whether this node may call a node there. Default: anywhere. */
  readonly isAllowed?: (address: string) => boolean;
}

/**
 * Where the nodes of the cluster are called. A line of the configuration counts from the start in which it is new or changed; a node without a line
 * is called where it was added, or where it announced that it listens when it called. A known address is kept while it leads to its node, which may
 * itself know only one that the others cannot reach. What it announced is remembered, and counts once the node was reached there.
 */
export class AddressBook {
  readonly #options: AddressBookOptions;
  readonly #addresses: Map<number, string>;
  readonly #announced: Map<number, string>;
  #configured: Map<number, string>;

  constructor(options: AddressBookOptions) {
    const { addresses, announced, configured } = options.stored;
    this.#options = options;
    this.#addresses = byNode(addresses);
    this.#announced = byNode(announced);
    this.#configured = byNode(configured);
  }

  /** The configuration's list at a start. */
  onConfigured(nodes: readonly NodeAddress[]): void {
    const before = this.#configured;
    const changed = nodes.filter(({ id, address }) => {
      const known = this.#addresses.get(id);
      return before.get(id) !== address || known === undefined || (id === this.#options.own && known !== address);
    });
    if (changed.length === 0 && nodes.length === before.size) return;
    this.#configured = byNode(nodes);
    for (const { id, address } of changed) this.#addresses.set(id, address);
    this.#write();
  }

  /** A node has called and announced its address, or another one knows it. @returns whether the node is called there from now on: no address was known. */
  learn(node: number, address: string): boolean {
    if (!this.#isNews(node, address)) return false;
    const known = this.#addresses.get(node);
    if ((this.#announced.get(node) ?? known) === address) return false;
    (known === undefined ? this.#addresses : this.#announced).set(node, address);
    this.#write();
    return known === undefined;
  }

  /** A node was added, and replies at the address. @returns whether it is called there from now on: its line of the configuration, if there is one, counts. */
  onAdded(node: number, address: string): boolean {
    if (this.#configured.has(node)) return this.learn(node, address);
    if (!this.#isNews(node, address) || this.#addresses.get(node) === address) return false;
    this.#addresses.set(node, address);
    this.#write();
    return true;
  }

  /** The node was reached at one of its addresses. */
  onReached(node: number, address: string): void {
    if (this.#addresses.get(node) === address) return;
    this.#addresses.set(node, address);
    this.#write();
  }

  addressOf(node: number): string | undefined {
    return this.#addresses.get(node);
  }

  /** Where else the node may be: by its line of the configuration, and by what it announced. */
  othersOf(node: number): readonly string[] {
    const known = this.#addresses.get(node);
    const others = new Set([this.#configured, this.#announced].map((addresses) => addresses.get(node) ?? known));
    return [...others].filter((address): address is string => address !== undefined && address !== known && this.isAllowed(address));
  }

  isAllowed(address: string): boolean {
    return this.#options.isAllowed?.(address) ?? true;
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

  #isNews(node: number, address: string): boolean {
    if (node === this.#options.own || !ADDRESS.safeParse(address).success || !this.isAllowed(address)) return false;
    return this.#addresses.has(node) || this.#addresses.size < ADDRESSES_MAX;
  }

  #write(): void {
    const { store } = this.#options;
    store({ addresses: listOf(this.#addresses), announced: listOf(this.#announced), configured: listOf(this.#configured) });
  }
}

const byNode = (list: readonly NodeAddress[]): Map<number, string> => new Map(list.map(({ id, address }) => [id, address]));

const listOf = (addresses: ReadonlyMap<number, string>): NodeAddress[] => [...addresses].map(([id, address]) => ({ id, address }));
