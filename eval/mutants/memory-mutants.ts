import type { Mutant } from './mutant.ts';

/** In giving memory back. */
export const MEMORY_MUTANTS: readonly Mutant[] = [
  {
    mistake: 21,
    name: 'the memory of an entry is given back while the log has it',
    file: 'node/entry-memory.ts',
    find: 'piece.last > upTo',
    replace: 'piece.last > upTo + 1',
  },
  {
    mistake: 21,
    name: 'the memory of a frame is given back with its first entry',
    file: 'node/entry-memory.ts',
    find: 'if (latest?.memory === memory) latest.last = index;',
    replace: 'if (latest?.memory === memory) void index;',
  },
  {
    mistake: 21,
    name: 'the memory of a packet is given back while its requests wait',
    file: 'node/inbox.ts',
    find: 'if (!isKept) for',
    replace: 'if (!isKept || isKept) for',
  },
  {
    mistake: 21,
    name: 'the memory of a packet is given back once it is sent',
    file: 'client/delivery/batch.ts',
    find: 'this.#memory = memory;\n',
    replace: 'if (this.packet.length > 0) memory?.release(this.packet.buffer);\n',
  },
];
