import { ChildStatus, OnFailure } from '../protocol/flow.ts';
import type { ChangeTracker } from './change-tracker.ts';
import type { ChildLink, FlowParent } from './flow-link.ts';
import { SideTable } from './side-table.ts';

/** The links of flows: of each child to its parent. Other jobs have nothing here. */
export class FlowTable {
  readonly #links = new SideTable<ChildLink>();
  readonly #parents = new SideTable<FlowParent>();
  readonly #changes: ChangeTracker;

  constructor(changes: ChangeTracker) {
    this.#changes = changes;
  }

  get isEmpty(): boolean {
    return this.#links.size === 0;
  }

  /** Number of jobs that were added with children, as far as they have any. */
  get parentCount(): number {
    return this.#parents.size;
  }

  /** As child. */
  linkOf(jobId: number): ChildLink | undefined {
    return this.isEmpty ? undefined : this.#links.get(jobId);
  }

  /** As parent. */
  parent(jobId: number): FlowParent | undefined {
    return this.isEmpty ? undefined : this.#parents.get(jobId);
  }

  /** In ascending order of their ids. @param after without those up to this id. */
  *childrenOf(parent: FlowParent, after = 0): Generator<ChildLink> {
    for (let id = Math.max(parent.firstId, after + 1); id < parent.endId; id += 1) {
      const link = this.#links.get(id);
      if (link?.parent === parent) yield link;
    }
  }

  /** In no order. */
  links(): Generator<ChildLink> {
    return this.#links.values();
  }

  /** In no order. */
  parents(): Generator<FlowParent> {
    return this.#parents.values();
  }

  /** Those of children with ids in [firstId, endId), in ascending order. */
  between(firstId: number, endId: number): ChildLink[] {
    const found: ChildLink[] = [];
    for (let id = firstId; id < endId; id += 1) {
      const link = this.#links.get(id);
      if (link !== undefined) found.push(link);
    }
    return found;
  }

  /** The children of one parent are added in a row. */
  add(link: ChildLink): void {
    this.restore(link);
    this.#changes.child(link);
  }

  /** Takes a link of a checkpoint. */
  restore(link: ChildLink): void {
    const { parent, id } = link;
    this.#parents.add(parent);
    this.#links.add(link);
    parent.firstId = Math.min(parent.firstId, id);
    parent.endId = Math.max(parent.endId, id + 1);
    count(link, 1);
  }

  /** The child ended, or is unprocessed again. @param value its result or the reason of its failure; it is kept. */
  setStatus(link: ChildLink, status: number, value: Uint8Array | undefined): void {
    count(link, -1);
    link.status = status;
    count(link, 1);
    this.#changes.childValue(link, value);
  }

  /** Parent and child have nothing to do with each other any more. */
  remove(link: ChildLink): void {
    count(link, -1);
    this.#changes.childRemoved(link);
    this.#links.delete(link.id);
    if (link.parent.size === 0) this.#parents.delete(link.parent.id);
  }

  /** The parent is gone. */
  removeChildrenOf(parent: FlowParent): void {
    for (const link of this.childrenOf(parent)) this.remove(link);
  }
}

function count({ parent, status, onFailure }: ChildLink, change: number): void {
  parent.counts[status] = (parent.counts[status] as number) + change;
  if (status === ChildStatus.ignored && onFailure === OnFailure.continueParent) parent.continued += change;
}
