import { ConfigError } from '../base/errors.ts';

/** @param address `host:port`, or `[host]:port` for IPv6. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(colon + 1)) };
}

/** @param setting that the address comes from. */
export function unusableAddress(setting: string, address: string, error: NodeJS.ErrnoException): ConfigError {
  const remedy =
    error.code === 'EADDRINUSE'
      ? 'Another process listens there: end it, or give another port.'
      : `This node cannot listen there (${error.message}). Give an address of this machine.`;
  return new ConfigError(setting, address, remedy);
}
