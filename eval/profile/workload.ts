import { loadClusterConfig } from '../../src/config/load-cluster-config.ts';
import { MEASURES } from '../bench/all-measures.ts';

/** The profiled process: one measure of the bench, as the bench runs it, and nothing else. Arguments: its label, a data folder. */
const [label, dataDir] = process.argv.slice(2);
const measure = MEASURES.find((one) => one.label === label);
if (measure === undefined || dataDir === undefined) throw new Error(`The bench has no measure "${label}".`);
await measure.measure({
  config: loadClusterConfig(undefined, {}),
  dataDir,
  seed: 1,
  signal: new AbortController().signal,
  medianOf: () => undefined,
});
