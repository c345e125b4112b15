import type { ChildStatusName, OnFailure } from '../../src/protocol/flow.ts';
import type { JobState } from '../../src/protocol/job-state.ts';
import type { Tree } from './flows.ts';

interface ModelLink {
  readonly child: number;
  readonly rule: keyof typeof OnFailure;
  status: ChildStatusName;
  value: string | undefined;
}

interface ModelJob {
  readonly id: number;
  readonly name: string;
  readonly keepsCompleted: boolean;
  readonly keepsFailed: boolean;
  state: JobState;
  links: ModelLink[];
}

/** Flows of one queue as lists that are searched: it shares nothing with the state machine. */
export class FlowModel {
  readonly jobs = new Map<number, ModelJob>();
  nextId = 1;

  add(tree: Tree): void {
    const level: { readonly tree: Tree; readonly parent: ModelJob | undefined }[] = [{ tree, parent: undefined }];
    for (const { tree: one, parent } of level) {
      const { keepCompleted = -1, keepFailed = -1 } = one.options ?? {};
      const children = one.children ?? [];
      const state = children.length > 0 ? 'waiting-children' : 'waiting';
      const { name } = one;
      const job: ModelJob = { id: this.nextId, name, keepsCompleted: keepCompleted !== 0, keepsFailed: keepFailed !== 0, state, links: [] };
      this.nextId += 1;
      this.jobs.set(job.id, job);
      parent?.links.push({ child: job.id, rule: one.onFailure ?? 'wait', status: 'unprocessed', value: undefined });
      for (const child of children) level.push({ tree: child, parent: job });
    }
  }

  /** The job that a claim takes. */
  claim(): ModelJob | undefined {
    const job = [...this.jobs.values()].filter(({ state }) => state === 'waiting').sort((one, other) => one.id - other.id)[0];
    if (job !== undefined) job.state = 'active';
    return job;
  }

  complete(job: ModelJob, value: string): void {
    const known = this.#linkOf(job);
    if (known !== undefined) Object.assign(known.link, { status: 'processed', value });
    job.state = 'completed';
    if (!job.keepsCompleted) this.#drop(job);
    this.#free(known?.parent);
  }

  fail(job: ModelJob, reason: string): void {
    const known = this.#linkOf(job);
    job.state = 'failed';
    if (known !== undefined) {
      const { parent, link } = known;
      if (link.rule === 'remove') parent.links = parent.links.filter((one) => one !== link);
      else if (link.rule !== 'wait') Object.assign(link, { status: link.rule === 'failParent' ? 'failed' : 'ignored', value: reason });
      const isFailed = link.rule === 'failParent' && parent.state === 'waiting-children';
      if (isFailed) this.fail(parent, `child q:${job.id} failed`);
    }
    if (!job.keepsFailed) this.#drop(job);
    this.#free(known?.parent);
  }

  retry(job: ModelJob): boolean {
    if (job.state !== 'failed') return false;
    const known = this.#linkOf(job);
    if (known !== undefined) Object.assign(known.link, { status: 'unprocessed', value: undefined });
    job.state = mustWait(job) ? 'waiting-children' : 'waiting';
    return true;
  }

  remove(job: ModelJob, isWhole: boolean): boolean {
    const all = isWhole ? this.#below(job) : [job];
    if (all.some(({ state }) => state === 'active')) return false;
    for (const one of all) this.#drop(one);
    return true;
  }

  removeUnprocessed(job: ModelJob): void {
    const free: readonly JobState[] = ['waiting', 'delayed', 'waiting-children'];
    const level = [job];
    for (const one of level)
      for (const { child } of one.links) {
        const found = this.jobs.get(child);
        if (found !== undefined && free.includes(found.state)) level.push(found);
      }
    for (const one of level.slice(1)) this.#drop(one);
  }

  separate(job: ModelJob): boolean {
    const known = this.#linkOf(job);
    if (known === undefined) return false;
    known.parent.links = known.parent.links.filter((one) => one !== known.link);
    this.#free(known.parent);
    return true;
  }

  #below(job: ModelJob): ModelJob[] {
    return [job, ...job.links.flatMap(({ child }) => this.#ofId(child).flatMap((one) => this.#below(one)))];
  }

  #ofId(id: number): ModelJob[] {
    const job = this.jobs.get(id);
    return job === undefined ? [] : [job];
  }

  #linkOf(job: ModelJob): { readonly parent: ModelJob; readonly link: ModelLink } | undefined {
    for (const parent of this.jobs.values()) for (const link of parent.links) if (link.child === job.id) return { parent, link };
    return undefined;
  }

  #drop(job: ModelJob): void {
    const known = this.#linkOf(job);
    this.jobs.delete(job.id);
    if (known?.link.status !== 'unprocessed') return;
    known.parent.links = known.parent.links.filter((one) => one !== known.link);
    this.#free(known.parent);
  }

  #free(parent: ModelJob | undefined): void {
    if (parent?.state === 'waiting-children' && !mustWait(parent)) parent.state = 'waiting';
  }
}

const mustWait = ({ links }: ModelJob): boolean =>
  links.some(({ status }) => status === 'unprocessed') &&
  !links.some(({ status, rule }) => status === 'ignored' && rule === 'continueParent');
