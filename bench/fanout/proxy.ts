import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { decodeResponse, encodeRequest } from './messages.ts';
import type { Heard, Protocol } from './messages.ts';
import { serverName } from './security.ts';
import type { ClientTls } from './security.ts';

/** The behaviour of a simulated Envoy. */
export interface ProxyOptions {
  readonly address: string;
  /** `undefined`: plain text. */
  readonly secureContext: SecureContext | undefined;
  readonly path: string;
  readonly protocol: Protocol;
  /** The encoded node of this proxy. */
  readonly node: Uint8Array;
  readonly nodeInEveryRequest: boolean;
  readonly name: string;
  /** The version that the proxy has from an earlier stream; empty for none. */
  readonly version: string;
  /** Called when the server has accepted the connection. */
  readonly onAccepted: () => void;
  readonly onResponse: (heard: Heard) => void;
  readonly onEnd: (reason: string) => void;
}

/** A simulated Envoy: one connection, one stream, and an ACK for every response. */
export interface Proxy {
  /** The version that the proxy acknowledged last. */
  readonly version: () => string;
  /** Stops reading, so that pending responses stay in the server. Resolves when the server has noticed. */
  pause(): Promise<void>;
  resume(): void;
  close(): void;
}

/** The flow-control window of an Envoy, in bytes. */
const windowBytes = 268_435_456;

/**
 * Returns the TLS settings of the proxies. Cipher and key exchange are those that an Envoy offers first, so that all
 * servers do the same work.
 */
export function secureContextOf({ ca, identity }: ClientTls): SecureContext {
  return createSecureContext({
    ca,
    ...identity,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256',
    ecdhCurve: 'X25519',
  });
}

/** Connects, and subscribes to one secret. */
export function createProxy(options: ProxyOptions): Proxy {
  const { secureContext, protocol, node, nodeInEveryRequest, name, onAccepted, onResponse, onEnd } = options;
  const session: ClientHttp2Session = connect(
    `${secureContext === undefined ? 'http' : 'https'}://${options.address}`,
    {
      ...(secureContext && { secureContext, servername: serverName }),
      settings: { initialWindowSize: windowBytes, enablePush: false },
    },
  );
  session.once('connect', () => session.setLocalWindowSize(windowBytes));
  session.once('remoteSettings', onAccepted);
  session.on('error', (error) => onEnd(String(error)));
  session.on('close', () => onEnd('connection closed'));
  const stream: ClientHttp2Stream = session.request({
    ':method': 'POST',
    ':path': options.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.on('error', (error) => onEnd(String(error)));
  stream.on('trailers', (trailers) => onEnd(`status ${String(trailers['grpc-status'])}`));
  stream.on('response', (headers) => {
    if (headers['grpc-status'] !== undefined) onEnd(`status ${String(headers['grpc-status'])}`);
  });

  let version = options.version;
  let chunks: Buffer[] = [];
  let buffered = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    buffered += chunk.length;
    if (buffered < 5 || buffered < 5 + lengthIn(chunks)) return;
    let bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    while (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt32BE(1)) {
      const end = 5 + bytes.readUInt32BE(1);
      receive(decodeResponse(protocol, bytes.subarray(5, end)));
      bytes = bytes.subarray(end);
    }
    chunks = bytes.length === 0 ? [] : [bytes];
    buffered = bytes.length;
  });

  function receive(heard: Heard): void {
    onResponse(heard);
    ({ version } = heard);
    send(heard.nonce, nodeInEveryRequest ? node : undefined);
  }

  function send(nonce: string, said: Uint8Array | undefined): void {
    stream.write(encodeRequest(protocol, { node: said, name, nonce, version }));
  }

  send('', node);
  return {
    version: () => version,
    pause() {
      // Only pausing the stream would leave the window open, and the bytes would wait in this process.
      stream.pause();
      return new Promise((resolve) => session.settings({ initialWindowSize: 0 }, () => resolve()));
    },
    resume() {
      session.settings({ initialWindowSize: windowBytes });
      stream.resume();
    },
    close: () => session.destroy(),
  };
}

/** Returns the length of the message that begins in the first chunk. Its header may span chunks. */
function lengthIn(chunks: readonly Buffer[]): number {
  const [first] = chunks;
  if (first !== undefined && first.length >= 5) return first.readUInt32BE(1);
  return Buffer.concat(chunks).readUInt32BE(1);
}
