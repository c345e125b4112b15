import type { Mutant } from './mutant.ts';

/** In the events of queues, and their readers. */
export const EVENT_MUTANTS: readonly Mutant[] = [
  {
    mistake: 12,
    name: 'a block of events that has grown is not written again',
    file: 'queue/event-changes.ts',
    find: '    this.#changed.add(block);\n    this.#bytes += bytes;',
    replace: '    if (!block.isStored) this.#changed.add(block);\n    this.#bytes += bytes;',
  },
  {
    mistake: 12,
    name: 'a checkpoint gives ids of events again',
    file: 'queue/event-ring.ts',
    find: '    to.f64(this.nextId);\n',
    replace: '    to.f64(Math.max(1, this.nextId - 1));\n',
  },
  {
    mistake: 14,
    name: 'events that were dropped are skipped without a notice',
    file: 'queue/event-table.ts',
    find: 'afterId >= ring.firstId - 1 && afterId <= ring.lastId;',
    replace: 'afterId >= 0 && afterId <= ring.lastId;',
  },
  {
    mistake: 14,
    name: 'an id of an earlier recording is taken for one of this one',
    file: 'queue/event-table.ts',
    find: 'const isThere = ring.number === recording && ',
    replace: 'const isThere = ring.number >= recording && ',
  },
  {
    mistake: 13,
    name: 'a reader of events is not woken',
    file: 'queue/event-table.ts',
    find: '    this.#keepBounds(ring);\n    this.onReadable?.(queue.name);',
    replace: '    this.#keepBounds(ring);',
  },
  {
    mistake: 14,
    name: 'a job that waits again has no event',
    file: 'queue/job-indexes.ts',
    find: "if (queue.events !== undefined) this.note('waiting', job);",
    replace: "if (queue.events !== undefined && job.attempt === 0) this.note('waiting', job);",
  },
  {
    mistake: 14,
    name: 'a recording of events never ends',
    file: 'queue/job-store.ts',
    find: 'ring !== undefined && ring.dueMs <= logMs && left > 0;',
    replace: 'ring !== undefined && ring.dueMs < 0 && left > 0;',
  },
  {
    mistake: 14,
    name: 'a page of events repeats the last one of the page before',
    file: 'queue/event-table.ts',
    find: '        if (id <= behind) continue;',
    replace: '        if (id < behind || (id === behind && block.firstId === id)) continue;',
  },
];
