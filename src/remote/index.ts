import '../runtime/check.ts';

export type { TlsPaths } from '../security/tls-files.ts';
export { connect } from './connect.ts';
export type { ConnectOptions } from './connect-options.ts';
export { AccessDeniedError, EndpointsUnreachableError } from './errors.ts';
export { RemoteCluster } from './remote-cluster.ts';
