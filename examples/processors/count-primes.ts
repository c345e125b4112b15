import type { SandboxJob } from 'jobraft';

/** The processor of a file is its export `process`, or its default. */
export function process({ data }: SandboxJob<{ readonly below: number }>): number {
  const isComposite = new Uint8Array(data.below);
  let count = 0;
  for (let number = 2; number < data.below; number += 1) {
    if (isComposite[number] === 1) continue;
    count += 1;
    for (let multiple = number * 2; multiple < data.below; multiple += number) isComposite[multiple] = 1;
  }
  return count;
}
