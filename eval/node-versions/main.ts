import '../../src/runtime/check.ts';

import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { withoutStackTraces } from '../measuring/command-line.ts';
import { packageRoot } from '../measuring/package-root.ts';
import { installNode, parseNodeVersion } from './install-node.ts';
import { outcomeLine, runTests } from './test-run.ts';

/** Supported versions: the oldest, the one that the repository pins, the latest. */
const VERSIONS = ['22', '24', '26'];

const collectVersions = (text: string, before: readonly string[] | undefined): string[] => [...(before ?? []), parseNodeVersion(text)];
const collectFiles = (text: string, before: readonly string[]): string[] => [...before, text];

async function main(): Promise<void> {
  const command = new Command('test:node')
    .description('Runs the tests on other versions of Node.js, one after the other; each is installed from the npm package `node`.')
    .addArgument(new Argument('[versions...]', `such as 22 or 22.12.0 (default: ${VERSIONS.join(' ')})`).argParser(collectVersions))
    .option('--only <file>', 'only tests in files whose path contains this; may be repeated', collectFiles, [])
    .parse(process.argv);
  const [chosen] = command.processedArgs as [string[] | undefined];
  const { only } = command.opts<{ only: string[] }>();
  const root = packageRoot();
  const lines: string[] = [];
  for (const version of chosen ?? VERSIONS) {
    const node = await installNode(version, join(root, 'node_modules', '.cache', 'jobraft', 'node'));
    console.log(`Node.js ${node.version} (${node.executable})`);
    const startMs = performance.now();
    const outcome = await runTests(node, root, only);
    lines.push(outcomeLine(node.version, outcome, performance.now() - startMs));
    if (!outcome.isSuccess) process.exitCode = 1;
  }
  console.log(lines.join('\n'));
}

await withoutStackTraces(main);
