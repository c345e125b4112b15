/** What a load can exhaust, and what 100 % of it is. */
export const RESOURCES = ["leader's thread", "client's thread", 'processors', "disk's time", "disk's bytes"] as const;
export type Resource = (typeof RESOURCES)[number];

/** Used share of what a load was measured to use, 1 for all of it. */
export type Used = Readonly<Partial<Record<Resource, number>>>;

/** How the leader's thread spends its time, shares in [0, 1]; the rest it sleeps. */
export interface LeaderShares {
  readonly onProcessor: number;
  /** Ready to run, while others had the processors. */
  readonly ready: number;
  readonly onDisk: number;
}

/** A resource of which this share is used counts as exhausted. */
export const EXHAUSTED_SHARE = 0.9;

/** `exhausted` is empty where nothing measured is; then `highest` is what comes closest, if anything was measured. */
export interface Limit {
  readonly exhausted: readonly Resource[];
  readonly highest: Resource | undefined;
}

export function limitOf(used: Used): Limit {
  const measured = RESOURCES.filter((resource) => used[resource] !== undefined);
  const shareOf = (resource: Resource): number => used[resource] ?? 0;
  const [highest] = [...measured].sort((a, b) => shareOf(b) - shareOf(a));
  return { exhausted: measured.filter((resource) => shareOf(resource) >= EXHAUSTED_SHARE), highest };
}

/** `leader's thread (98 %)`, or `not determined: no measured resource is used to 90 %, the leader's thread comes closest (86 %)`. */
export function describeLimit(used: Used): string {
  const { exhausted, highest } = limitOf(used);
  const percentOf = (resource: Resource): string => `${Math.round(100 * (used[resource] ?? 0))} %`;
  if (exhausted.length > 0) return exhausted.map((resource) => `${resource} (${percentOf(resource)})`).join(', ');
  if (highest === undefined) return 'not determined: nothing was measured';
  const reached = `no measured resource is used to ${Math.round(100 * EXHAUSTED_SHARE)} %`;
  if (used["leader's thread"] === undefined) return `not determined: no thread was watched, and ${reached}`;
  return `not determined: ${reached}, the ${highest} come${highest.endsWith('thread') ? 's' : ''} closest (${percentOf(highest)})`;
}

/** Beside each rate of the small payload, which several commands measure. */
export const SMALL_RATES =
  'Adds of 64 B have other rates in other programs: "Where is the limit, and why?" has the range of all, in which this one is.';
