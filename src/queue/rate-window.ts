import type { ByteReader, ByteWriter } from '../base/bytes.ts';

/** At most so many jobs within a time. */
export interface RateLimit {
  readonly max: number;
  readonly durationMs: number;
}

/** `rate`: of the limit of its queue; `hold`: claims take nothing; `claims`: of a limit that a claim brought. */
export const WindowKind = Object.freeze({ rate: 0, hold: 1, claims: 2 });

/** The window that the first job of a claim begins: under the limit of its queue, if there is one, else under the one that the claim brings. */
export function firstWindow(ofQueue: RateLimit | undefined, ofClaim: RateLimit | undefined, logMs: number): RateWindow | undefined {
  const limit = ofQueue ?? ofClaim;
  return limit && new RateWindow(ofQueue === undefined ? WindowKind.claims : WindowKind.rate, limit.max, logMs + limit.durationMs);
}

/**
 * A time in which claims take a bounded number of jobs of a queue, from the first of them on. It runs on the log clock, as leases do: no
 * wall clock matters, and while there is no leader it does not pass, so that a failover may make it longer and never shorter.
 */
export class RateWindow {
  readonly kind: number;
  readonly max: number;
  /** In log time. */
  readonly endMs: number;
  taken = 0;

  constructor(kind: number, max: number, endMs: number) {
    this.kind = kind;
    this.max = max;
    this.endMs = endMs;
  }

  /** How many more jobs claims can take. */
  get left(): number {
    return this.max - this.taken;
  }

  /** Under the limit that its queue gets. If more were taken than that allows, none is left. */
  changed({ max, durationMs }: RateLimit, logMs: number): RateWindow {
    const window = new RateWindow(WindowKind.rate, Math.max(max, this.taken), Math.min(this.endMs, logMs + durationMs));
    window.taken = this.taken;
    return window;
  }
}

export function writeWindow(to: ByteWriter, { kind, max, taken, endMs }: RateWindow): void {
  to.u8(kind);
  to.u32(max);
  to.u32(taken);
  to.f64(endMs);
}

/** @throws {MalformedBytesError} */
export function readWindow(from: ByteReader): RateWindow {
  const kind = from.u8();
  const max = from.u32();
  const taken = from.u32();
  const window = new RateWindow(kind, max, from.f64());
  window.taken = taken;
  return window;
}
