/** `electionTimeoutMs` is set by `--election-timeout-ms`; the group's name is left out, since no two groups share a setting's name. */
export const kebabCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const SPECIAL_FLAGS: Readonly<Record<string, string>> = { 'logs.dir': '--logs-dir', 'logs.level': '--log-level' };

/** The flag that sets a setting, given by its full name. */
export function flagOf(name: string): string {
  return SPECIAL_FLAGS[name] ?? `--${kebabCase(name.slice(name.lastIndexOf('.') + 1))}`;
}
