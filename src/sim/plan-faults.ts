import { FAULT_TYPES, type Fault, type FaultType } from './fault.ts';
import type { SimRandom } from './sim-random.ts';

/** More than an hour. */
export const SUSPENDED_MS = 3_700_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Drawn by the functions of their own below. */
const LATER_TYPES = ['suspend', 'crowd', 'hang-up', 'repair', 'roll-back', 'late-acknowledgement', 'earlier-life'] as const;
type DrawnType = Exclude<FaultType, (typeof LATER_TYPES)[number]>;
const DRAWN_TYPES = FAULT_TYPES.filter((type): type is DrawnType => !LATER_TYPES.some((later) => later === type));

/** Probability that a seed has faults of a kind. */
const SHARES: Readonly<Record<DrawnType, number>> = {
  crash: 0.6,
  'fail-write': 0.3,
  stall: 0.3,
  pause: 0.3,
  flip: 0.15,
  'lose-disk': 0.2,
  partition: 0.5,
  'one-way': 0.3,
  channel: 0.3,
  'wall-clock': 0.2,
  transfer: 0.3,
  'split-change': 0.15,
  're-elected-leader': 0.15,
  replay: 0.3,
  'isolate-leader-inbound': 0.3,
  'paused-leader': 0.3,
  'isolate-transferring-leader': 0.3,
  change: 0.4,
};

/** Faults of the kinds that the seed chooses, each kind with its own frequency. */
export function drawnFaults(random: SimRandom, nodes: number, seconds: number): Fault[] {
  const kinds = DRAWN_TYPES.filter((type) => random.withProbability(SHARES[type]));
  return kinds.flatMap((type) => {
    const count = 1 + random.below(Math.max(1, Math.round(seconds * random.of([0.3, 0.8, 2]))));
    return Array.from({ length: count }, () => faultOf(type, random, nodes, seconds * 1000));
  });
}

function faultOf(type: DrawnType, random: SimRandom, nodes: number, faultMs: number): Fault {
  const atMs = Math.round(random.below(faultMs));
  const node = 1 + random.below(nodes);
  const other = 1 + ((node + random.below(Math.max(1, nodes - 1))) % nodes);
  const downMs = random.of([1, 30, 400, 1_500]);
  const durationMs = random.of([20, 150, 600, 1_500]);
  const ids = Array.from({ length: nodes }, (_, at) => at + 1);
  const some = () => ids.filter(() => random.withProbability(0.4));
  switch (type) {
    case 'crash':
      return { type, atMs, node, downMs, isNoticed: random.withProbability(0.5) };
    case 'fail-write':
      return { type, atMs, node, downMs, survives: random.withProbability(0.5), isFull: random.withProbability(0.2) };
    case 'stall':
    case 'pause':
      return { type, atMs, node, durationMs };
    case 'flip':
      return { type, atMs, node, downMs, pick: random.below(1_000_000), bit: random.below(4_096) };
    case 'lose-disk':
      return { type, atMs, node, downMs };
    case 'partition':
      return { type, atMs, durationMs, group: some() };
    case 'one-way':
      return { type, atMs, durationMs, from: node, to: other };
    case 'channel':
      return { type, atMs, node, peer: other };
    case 'wall-clock':
      return { type, atMs, node, jumpMs: random.of([-60_000, -500, 500, 60_000]) };
    case 'transfer':
      return { type, atMs, to: random.withProbability(0.5) ? 0 : node };
    case 're-elected-leader':
      return { type, atMs, durationMs: random.of([400, 800]) };
    case 'split-change':
      return { type, atMs, durationMs: random.of([600, 1_500]), downMs };
    case 'replay':
    case 'isolate-leader-inbound':
      return { type, atMs, durationMs, isOutboundToo: random.withProbability(0.5) };
    case 'paused-leader':
    case 'isolate-transferring-leader':
      return { type, atMs, durationMs };
    case 'change': {
      const add = random.withProbability(0.6) ? some() : [];
      const remove = random.withProbability(0.6) ? some().filter((id) => !add.includes(id)) : [];
      const learners = random.withProbability(0.2) ? some().filter((id) => !add.includes(id)) : [];
      return { type, atMs, add, remove, learners };
    }
  }
}

/** Some seeds step wall clocks by hours or days, mostly the leader's. */
export function clockSteps(random: SimRandom, faultMs: number): Fault[] {
  if (!random.withProbability(0.35)) return [];
  return Array.from({ length: 1 + random.below(4) }, () => {
    const jumpMs = random.of([HOUR_MS, DAY_MS, 30 * DAY_MS]) * (random.withProbability(0.5) ? 1 : -1);
    return { type: 'wall-clock', atMs: Math.round(random.below(faultMs)), node: random.withProbability(0.7) ? 0 : 1, jumpMs };
  });
}

export function suspensions(random: SimRandom, faultMs: number): Fault[] {
  if (!random.withProbability(0.1)) return [];
  return [{ type: 'suspend', atMs: Math.round(random.below(faultMs)), durationMs: SUSPENDED_MS }];
}

export const crowd = (random: SimRandom, faultMs: number): Fault => ({ type: 'crowd', atMs: Math.round(random.below(faultMs)) });

export function hangUps(random: SimRandom, clients: number, faultMs: number): Fault[] {
  return severalTimes(random, 0.35, () => ({
    type: 'hang-up',
    atMs: Math.round(random.below(faultMs)),
    client: random.below(clients),
  }));
}

/** Often several at once: each has to wait for the one before, or is rejected. */
export function repairs(random: SimRandom, nodes: number, faultMs: number): Fault[] {
  return severalTimes(random, 0.3, (): Fault[] => {
    const atMs = Math.round(random.below(faultMs));
    const ids = Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(nodes));
    return ids.map((node) => ({ type: 'repair', atMs, node, downMs: random.of([1, 30, 400]) }));
  }).flat();
}

export function rollBacks(random: SimRandom, nodes: number, faultMs: number): Fault[] {
  return severalTimes(random, 0.3, () => {
    const node = 1 + random.below(nodes);
    const atMs = Math.round(random.below(faultMs));
    return { type: 'roll-back', atMs, node, afterMs: random.of([50, 500, 2_000]), downMs: random.of([1, 30, 400]) };
  });
}

/** Up to four in some seeds. */
function severalTimes<Drawn = Fault>(random: SimRandom, probability: number, draw: () => Drawn): Drawn[] {
  return random.withProbability(probability) ? Array.from({ length: 1 + random.below(4) }, draw) : [];
}

/** In some seeds of larger clusters a replaced leader reaches a restored node. */
export function lateReplies(
  random: SimRandom,
  nodes: number,
  faultMs: number,
): { readonly faults: readonly Fault[]; readonly isOnlyFault: boolean } {
  if (nodes < 4 || !random.withProbability(0.15)) return { faults: [], isOnlyFault: false };
  const isOnlyFault = random.withProbability(0.5);
  const faults = Array.from({ length: 1 + random.below(3) }, (): Fault => {
    return {
      type: 'late-acknowledgement',
      atMs: Math.round(random.below(faultMs)),
      node: 1 + random.below(nodes),
      downMs: random.of([1, 30]),
    };
  });
  return { faults, isOnlyFault };
}

export function repliesToEarlierLives(random: SimRandom, nodes: number, faultMs: number): Fault[] {
  return severalTimes(random, 0.2, () => ({
    type: 'earlier-life',
    atMs: Math.round(random.below(faultMs)),
    node: 1 + random.below(nodes),
    silentMs: random.of([120, 170]),
  }));
}

/**
 * All disks are stuck, so that the leader may accept no more, and clients with answered claims end: the leader then has jobs to release.
 */
export function endsUnderLoad(random: SimRandom, nodes: number, clients: number, faultMs: number): Fault[] {
  if (!random.withProbability(0.1)) return [];
  const faults: Fault[] = [];
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    const atMs = Math.round(random.below(faultMs));
    for (let node = 1; node <= nodes; node += 1) faults.push({ type: 'stall', atMs, node, durationMs: 600 });
    for (let client = 0; client < clients; client += 1) faults.push({ type: 'hang-up', atMs: atMs + random.below(100), client });
  }
  return faults;
}

/** Changes of members name some of them more than once. */
export const withRepeatedChanges = (faults: readonly Fault[]): Fault[] =>
  faults.map((fault) =>
    fault.type === 'change'
      ? { ...fault, add: [...fault.add, ...fault.add], remove: [...fault.remove, ...fault.remove.slice(0, 1)] }
      : fault,
  );
