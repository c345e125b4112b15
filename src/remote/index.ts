import '../runtime/check.ts';

export { connect } from './connect.ts';
export type { ConnectOptions } from './connect-options.ts';
export { EndpointsUnreachableError } from './errors.ts';
export { RemoteCluster } from './remote-cluster.ts';
