import type { LogIndex } from '../base/ids.ts';
import { configurationIn } from './configuration-codec.ts';
import type { Configuration, Entry } from './entry.ts';
import { hasSameMembers, normalized } from './membership.ts';

/** A configuration and its position in the log. */
export interface PlacedConfiguration {
  readonly index: LogIndex;
  readonly configuration: Configuration;
}

interface ConfigurationInLog extends PlacedConfiguration {
  /**
   * The entry that introduced these members, or a later index if the log no longer reaches back to it. Once this index is committed, so are
   * the members: the entries in between are records of generations, which change no majority.
   */
  readonly membersSince: LogIndex;
}

/**
 * The configurations in the log, oldest first. The latest is in force, committed or not (Raft §6); when its entry is truncated, the
 * previous one is in force again. All are {@link normalized}, whatever their source.
 */
export class ConfigurationLog {
  /** Never empty: the first is the configuration at the beginning of the log. */
  #placed: [ConfigurationInLog, ...ConfigurationInLog[]];

  /** @param entries those after `base`. */
  constructor(base: PlacedConfiguration, entries: readonly Entry[]) {
    this.#placed = [baseOf(base)];
    for (const entry of entries) if (entry.index > base.index) this.onAppended(entry);
  }

  get latest(): ConfigurationInLog {
    return this.#placed.at(-1) ?? this.#placed[0];
  }

  /** The configuration in force for a node that has the log up to `index`; `index` is not before the beginning of the log. */
  at(index: LogIndex): PlacedConfiguration {
    return this.#placed.findLast((placed) => placed.index <= index) ?? this.#placed[0];
  }

  /** The latest configuration after `index` that `isWanted` accepts. */
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

  /** The entry at `from` and all after it are gone. @returns whether another configuration is in force now. */
  onTruncated(from: LogIndex): boolean {
    const before = this.#placed.length;
    while (this.#placed.length > 1 && this.latest.index >= from) this.#placed.pop();
    return this.#placed.length < before;
  }

  /** Drops what was in force before `upTo`. */
  dropBefore(upTo: LogIndex): void {
    while (this.#placed[1] !== undefined && this.#placed[1].index <= upTo) this.#placed.splice(0, 1);
  }

  /** A snapshot replaced the log. */
  resetTo(base: PlacedConfiguration): void {
    this.#placed = [baseOf(base)];
  }
}

const baseOf = ({ index, configuration }: PlacedConfiguration): ConfigurationInLog => ({
  index,
  configuration: normalized(configuration),
  membersSince: index,
});
