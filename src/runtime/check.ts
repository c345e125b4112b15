import { checkNodeVersion } from './node-version.ts';

// The first import of every entry point. Modules are evaluated in the order of their imports, so this one throws before a native module
// is loaded: on Node.js 20, better-sqlite3 13 ends the process with a segmentation fault as soon as a database is opened.
checkNodeVersion(process.versions.node);
