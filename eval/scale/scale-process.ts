// One measure at one size: node scale-process.js <ScaleTask as JSON>.
import { SCALE_MEASURES } from './all-scale-measures.ts';
import type { ScaleTask } from './scale-task.ts';

// The only cast: the parent writes this argument.
const { name, ...task } = JSON.parse(process.argv[2] ?? '') as ScaleTask;
const measure = SCALE_MEASURES.find((each) => each.name === name);
if (measure === undefined) throw new Error(`There is no measure "${name}".`);
// Without its parent this process has no purpose.
const onDisconnect = (): never => process.exit(1);
process.on('disconnect', onDisconnect);
await measure.measure({ ...task, report: (figure) => void process.send?.(figure) });
process.off('disconnect', onDisconnect);
process.disconnect();
