import { renameSync, writeFileSync } from 'node:fs';

/** Writes a file whole: a process that is killed meanwhile leaves the one before. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const written = `${path}.${process.pid}.tmp`;
  writeFileSync(written, content);
  renameSync(written, path);
}
