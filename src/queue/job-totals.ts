/** How often each transition happened since the state began. */
export interface JobTotals {
  added: number;
  claimed: number;
  completed: number;
  failed: number;
  retried: number;
  released: number;
  leasesExpired: number;
  redriven: number;
  stalled: number;
}

export const noTotals = (): JobTotals => ({
  added: 0,
  claimed: 0,
  completed: 0,
  failed: 0,
  retried: 0,
  released: 0,
  leasesExpired: 0,
  redriven: 0,
  stalled: 0,
});
