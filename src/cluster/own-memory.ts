import type { MemoryRelease } from '../base/memory-release.ts';

/** What ports deliver is copied or transferred, and so in memory of the receiving thread alone. */
export const OWN_MEMORY: MemoryRelease = {
  bytesMin: 16 * 1024,
  // A buffer of length zero stays in its place.
  release: (buffer) => void (buffer as ArrayBuffer).transfer(0),
};
