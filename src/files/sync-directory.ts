import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Ensures that created, changed and removed names in the directory survive a power cut. */
export function syncDirectory(directory: string): void {
  // Windows neither opens directories nor needs them synced.
  if (process.platform === 'win32') return;
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
