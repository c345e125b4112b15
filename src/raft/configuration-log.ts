import type { LogIndex } from '../base/ids.ts';
import { configurationIn } from './configuration-codec.ts';
import type { Configuration, Entry } from './entry.ts';
import { hasSameMembers, normalized } from './membership.ts';

/** A configuration and where in the log it stands. */
export interface PlacedConfiguration {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

interface ConfigurationInLog extends PlacedConfiguration {
  /**
   * Where these members began, or a later place before which the log is not kept. Once this is committed, so are the members: what stands between are
   * records of generations, which change no majority.
   */
  readonly membersSince: LogIndex;
}

/**
 * The configurations in the log, oldest first. The latest is in force, committed or not (Raft §6); when its entry is truncated the one
 * before it is in force again. All are {@link normalized}, wherever they come from.
 */
export class ConfigurationLog {
  /** Never empty: the first is what the log's beginning stands on. */
  #placed: [ConfigurationInLog, ...ConfigurationInLog[]];

  /** @param entries those behind `base`. */
  constructor(base: PlacedConfiguration, entries: readonly Entry[]) {
    this.#placed = [baseOf(base)];
    for (const entry of entries) if (entry.index > base.index) this.onAppended(entry);
  }

  get latest(): ConfigurationInLog {
    return this.#placed.at(-1) ?? this.#placed[0];
  }

  /** The one in force for a node that has the log up to `index`; `index` is not before the log's beginning. */
  at(index: LogIndex): PlacedConfiguration {
    return this.#placed.findLast((placed) => placed.index <= index) ?? this.#placed[0];
  }

  /** The latest behind `index` that is wanted. */
  latestAfter(index: LogIndex, isWanted: (configuration: Configuration) => boolean): PlacedConfiguration | undefined {
    return this.#placed.findLast((placed) => placed.index > index && isWanted(placed.configuration));
  }

  /** @returns whether another configuration is in force now. */
  onAppended(entry: Entry): boolean {
    if (entry.kind !== 'configuration') return false;
    const { configuration: before, membersSince } = this.latest;
    const { index } = entry;
    const configuration = normalized(configurationIn(entry));
    this.#placed.push({ index, configuration, membersSince: hasSameMembers(configuration, before) ? membersSince : index });
    return true;
  }

  /** The entry at `from` and all behind it are gone. @returns whether another configuration is in force now. */
  onTruncated(from: LogIndex): boolean {
    const before = this.#placed.length;
    while (this.#placed.length > 1 && this.latest.index >= from) this.#placed.pop();
    return this.#placed.length < before;
  }

  /** What was in force before `upTo` is not needed any more. */
  forgetBefore(upTo: LogIndex): void {
    while (this.#placed[1] !== undefined && this.#placed[1].index <= upTo) this.#placed.splice(0, 1);
  }

  /** A snapshot took the place of the log. */
  resetTo(base: PlacedConfiguration): void {
    this.#placed = [baseOf(base)];
  }
}

const baseOf = ({ index, configuration }: PlacedConfiguration): ConfigurationInLog => ({
  index,
  configuration: normalized(configuration),
  membersSince: index,
});
