import type { MemoryRelease } from '../base/memory-release.ts';

/** What is given back is overwritten: a view that is still read shows in the state, in the log, or in what is sent. */
export const OVERWRITTEN_MEMORY: MemoryRelease = {
  bytesMin: 1,
  release: (buffer) => void new Uint8Array(buffer).fill(0xdd),
};
