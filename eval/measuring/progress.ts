import { SingleBar } from 'cli-progress';

/** Shows the progress of a session, and its remaining time. */
export interface Progress {
  /** @param label the current activity. */
  onStep(label: string): void;
  /** @param doneMs expected milliseconds of the finished work. */
  onAdvance(doneMs: number): void;
  /** Prints a permanent line. */
  print(line: string): void;
  stop(): void;
}

const PLAIN_EVERY_MS = 10_000;

/**
 * A bar with the time left on a terminal; plain lines elsewhere.
 * @param totalMs expected milliseconds of the whole session.
 */
export function openProgress(totalMs: number, output: NodeJS.WriteStream = process.stdout): Progress {
  return output.isTTY ? new BarProgress(totalMs, output) : new PlainProgress(totalMs, output);
}

/** Expected milliseconds left, corrected by the error of the expectation so far. */
export function timeLeftMs(totalMs: number, doneMs: number, elapsedMs: number): number {
  const pace = doneMs > totalMs * 0.05 ? elapsedMs / doneMs : 1;
  return Math.max(0, totalMs - doneMs) * pace;
}

/** `1:05 left`. */
export function formatLeft(leftMs: number): string {
  const seconds = Math.round(leftMs / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`;
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #output: NodeJS.WriteStream;
  readonly #totalMs: number;
  readonly #startedAt = performance.now();
  #doneMs = 0;
  #label = '';

  constructor(totalMs: number, output: NodeJS.WriteStream) {
    this.#totalMs = totalMs;
    this.#output = output;
    this.#bar = new SingleBar({
      format: '{bar} {percentage} % · {left} · {label}',
      barCompleteChar: '━',
      barIncompleteChar: '─',
      barsize: 28,
      hideCursor: true,
      clearOnComplete: true,
      stream: output,
      fps: 8,
      gracefulExit: false,
    });
    this.#bar.start(totalMs, 0, this.#payload());
  }

  onStep(label: string): void {
    this.#label = label;
    this.#bar.update(this.#doneMs, this.#payload());
  }

  onAdvance(doneMs: number): void {
    this.#doneMs = doneMs;
    this.#bar.update(Math.min(doneMs, this.#totalMs), this.#payload());
  }

  print(line: string): void {
    this.#output.write(`\r\u001b[2K${line}\n`);
    this.#bar.update(this.#doneMs, this.#payload());
  }

  stop(): void {
    this.#bar.stop();
  }

  #payload(): { left: string; label: string } {
    return { left: formatLeft(timeLeftMs(this.#totalMs, this.#doneMs, performance.now() - this.#startedAt)), label: this.#label };
  }
}

class PlainProgress implements Progress {
  readonly #output: NodeJS.WriteStream;
  readonly #totalMs: number;
  readonly #startedAt = performance.now();
  #label = '';
  #printedAt = 0;

  constructor(totalMs: number, output: NodeJS.WriteStream) {
    this.#totalMs = totalMs;
    this.#output = output;
  }

  onStep(label: string): void {
    this.#label = label;
  }

  onAdvance(doneMs: number): void {
    const now = performance.now();
    if (now - Math.max(this.#printedAt, this.#startedAt) < PLAIN_EVERY_MS) return;
    this.#printedAt = now;
    const percent = Math.min(100, Math.floor((doneMs / this.#totalMs) * 100));
    this.print(`${percent} % · ${formatLeft(timeLeftMs(this.#totalMs, doneMs, now - this.#startedAt))} · ${this.#label}`);
  }

  print(line: string): void {
    this.#output.write(`${line}\n`);
  }

  stop(): void {}
}
