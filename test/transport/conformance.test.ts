import { describeDialledTransport, describeTransport } from './conformance.ts';
import { GrpcNetwork, PortNetwork, SocketNetwork } from './networks.ts';

describeTransport('MessagePorts', () => new PortNetwork());
describeTransport('Unix sockets', () => new SocketNetwork());
describeTransport('gRPC', () => new GrpcNetwork());
describeDialledTransport('Unix sockets', () => new SocketNetwork());
describeDialledTransport('gRPC', () => new GrpcNetwork());
