import '../runtime/check.ts';

export { AccessDeniedError, ClusterReplacedError } from '../client/outage-errors.ts';
export type { TlsPaths } from '../security/tls-files.ts';
export type { TokenSource } from '../security/token-source.ts';
export { connect } from './connect.ts';
export type { ConnectOptions } from './connect-options.ts';
export { EndpointsUnreachableError } from './errors.ts';
export { RemoteCluster } from './remote-cluster.ts';
