import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../measuring/package-root.ts';

/** The installed versions of client packages: `bullmq 6.7.0, ioredis 6.0.0`. */
export function clientVersions(...packages: readonly string[]): string {
  return packages.map((name) => `${name} ${installedVersion(name)}`).join(', ');
}

function installedVersion(name: string): string {
  const file = join(packageRoot(), 'eval/peers/node_modules', name, 'package.json');
  const manifest: unknown = JSON.parse(readFileSync(file, 'utf8'));
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return hasVersion ? String(manifest.version) : 'unknown';
}
