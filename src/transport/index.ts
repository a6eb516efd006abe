/**
 * A gRPC server on an HTTP/2 core of its own, for services that are defined for `@grpc/grpc-js`.
 */
export { GrpcServer } from './grpc-server.ts';
export type { GrpcServerOptions, ServerGuard } from './grpc-server.ts';
export type { GrpcCall } from './grpc-call.ts';
export type { ServerTls } from './bind-server.ts';
export { createTlsAcceptor } from './tls-acceptor.ts';
export type { AcceptorMaterial, TlsAcceptor, TlsAcceptorOptions } from './tls-acceptor.ts';
export { defaultTimes } from './connection-times.ts';
export type { ConnectionTimes } from './connection-times.ts';
export { defaultConnectionLimits } from '../http2/limits.ts';
export type { ConnectionLimits, Rate } from '../http2/limits.ts';
export type { ProbeTimes } from '../net/probe-connections.ts';
export { grpcStatus } from './status.ts';
