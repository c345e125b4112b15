/**
 * Gives memory back that nothing refers to any more. Without it the collector does, which traces everything after some 12 MiB of buffers,
 * however few objects there are.
 */
export interface MemoryRelease {
  /** Smaller buffers are left to the collector. */
  readonly bytesMin: number;
  /** A view of the buffer reads something else from now on. */
  readonly release: (buffer: ArrayBufferLike) => void;
}
