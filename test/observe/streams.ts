import type { Acked, Nacked, StreamInfo } from '../../src/xds/index.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';

let streams = 0;

/** Returns a stream as observers see it: open, after its first request. */
export function streamOf(over: Partial<StreamInfo> = {}): StreamInfo {
  streams += 1;
  return {
    id: streams,
    transport: 'ads',
    protocol: 'delta',
    address: '127.0.0.1:1000',
    origin: '127.0.0.1',
    nodeId: `node-${streams}`,
    group: 'default',
    userAgent: 'envoy 1.40.0',
    identity: undefined,
    ...over,
  };
}

export function ackOf(name: string, version: string | undefined, over: Partial<Acked> = {}): Acked {
  return { typeUrl: secretTypeUrl, nonce: '1', name, version, unconfirmed: false, ...over };
}

export function nackOf(message: string, over: Partial<Nacked> = {}): Nacked {
  const resources = [{ name: 'ALL', version: 'v2' }];
  return { typeUrl: secretTypeUrl, nonce: '2', resources, code: 13, message, ...over };
}
