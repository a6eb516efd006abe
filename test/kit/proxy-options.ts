import type { ProxyOptions } from '../../src/runtime/serve-options.ts';

/** The options of an xDS port for tests: an address of this machine, no TLS, and limits that no test reaches. */
export const proxyOptions: ProxyOptions = {
  version: 'test',
  xdsListen: '127.0.0.1:0',
  defaultMesh: 'default',
  tls: undefined,
  maxNames: 1_000,
  openRate: 1_000,
  openBurst: 1_000,
  maxConnectionStreams: 256,
  maxRequestBytes: 524_288,
  requestTimeout: 60_000,
  slowTimeout: 60_000,
  keepalive: 0,
  keepaliveTimeout: 10_000,
  maxConnectionAge: 0,
};
