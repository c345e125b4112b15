import { JobraftError } from '../base/errors.ts';

/** The oldest major version of Node.js that jobraft runs on, as in `engines` of package.json. */
const NODE_MAJOR_MIN = 22;

/** This Node.js is too old for jobraft. Nothing was started. */
export class UnsupportedNodeError extends JobraftError {
  override readonly code = 'NODE_UNSUPPORTED';

  /** @param found the version of this Node.js, as in `process.versions.node`. */
  constructor(found: string) {
    super(
      `jobraft needs Node.js ${NODE_MAJOR_MIN} or later, and this is Node.js ${found}. Install a later version (https://nodejs.org). ` +
        'In a clone of the repository, use the npm scripts or `npm exec -- node <file>`: they run on the Node.js that `npm ci` has installed.',
    );
  }
}

/** @throws {UnsupportedNodeError} */
export function checkNodeVersion(version: string): void {
  if (!(Number.parseInt(version, 10) >= NODE_MAJOR_MIN)) throw new UnsupportedNodeError(version);
}
