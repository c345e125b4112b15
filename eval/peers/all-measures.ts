import { FAULT_MEASURES } from './leader-faults.ts';
import { LOAD_MEASURES } from './load-latency.ts';
import { BASIC_MEASURES, type LabelledMeasure } from './peer-measures.ts';

/** In the order of a round; the faults are last, since they cost the peer a node. */
export const PEER_MEASURES: readonly LabelledMeasure[] = [...BASIC_MEASURES, ...LOAD_MEASURES, ...FAULT_MEASURES];
