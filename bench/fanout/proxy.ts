import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { encodeOpening } from './client-frames.ts';
import { H2Client } from './h2-client.ts';
import type { ClientEvents } from './h2-client.ts';
import { decodeResponse, RequestEncoder } from './messages.ts';
import type { Heard, Protocol } from './messages.ts';
import { openSocket } from './open-socket.ts';
import { ResponseMessages } from './response-messages.ts';

/** The flow-control window of an Envoy, in bytes. */
const windowBytes = 268_435_456;

/** The settings that all proxies of a fleet share. */
export interface FleetOptions {
  /** `host:port`. */
  readonly address: string;
  /** `undefined`: plain text. */
  readonly secureContext: SecureContext | undefined;
  readonly path: string;
  readonly protocol: Protocol;
  readonly nodeInEveryRequest: boolean;
  /** The name of the secret to which the proxies subscribe. */
  readonly name: string;
}

/** The settings of one simulated Envoy. */
export interface ProxyOptions {
  /** The encoded node of this proxy. */
  readonly node: Uint8Array;
  /** The version that the proxy has from an earlier stream; empty for none. */
  readonly version: string;
  /** Called when the server has accepted the connection. */
  readonly onAccepted: () => void;
  readonly onResponse: (heard: Heard) => void;
  /** Called at most once: when the stream or the connection has ended, but not by `close`. */
  readonly onEnd: (reason: string) => void;
}

/** A simulated Envoy: one connection, one stream, and an ACK for every response. */
export interface Proxy {
  /** The version that the proxy acknowledged last. */
  readonly version: string;
  /**
   * Closes the window of the stream, so that pending responses stay in the server. Resolves when the server has
   * noticed. May be called after `onAccepted`.
   */
  pause(): Promise<void>;
  resume(): void;
  close(): void;
}

/** Returns a function that connects a proxy and subscribes it to one secret. */
export function createFleet(options: FleetOptions): (proxy: ProxyOptions) => Proxy {
  const opening = encodeOpening({
    scheme: options.secureContext === undefined ? 'http' : 'https',
    authority: options.address,
    path: options.path,
    window: windowBytes,
  });
  return (proxy) => new SimulatedEnvoy(options, opening, proxy);
}

// A class, because there are thousands of instances.
class SimulatedEnvoy implements Proxy, ClientEvents {
  readonly #protocol: Protocol;
  // Not all options: each node would stay in memory a second time.
  readonly #onAccepted: () => void;
  readonly #onResponse: (heard: Heard) => void;
  readonly #onEnd: (reason: string) => void;
  readonly #requests: RequestEncoder;
  readonly #socket: Socket;
  readonly #client: H2Client;
  readonly #messages = new ResponseMessages((source, from, to) => this.#receive(source, from, to));
  version: string;

  constructor(fleet: FleetOptions, opening: Buffer, options: ProxyOptions) {
    this.#protocol = fleet.protocol;
    this.#onAccepted = options.onAccepted;
    this.#onResponse = options.onResponse;
    this.#onEnd = options.onEnd;
    this.#requests = new RequestEncoder({ ...fleet, node: options.node });
    this.version = options.version;
    this.#socket = openSocket(fleet.address, fleet.secureContext, {
      connected: () => this.#client.open(opening, this.#requests.first(this.version)),
      received: (source, length) => this.#client.receive(source, 0, length),
      closed: (reason) => this.#client.end(reason),
    });
    this.#client = new H2Client(this.#socket, windowBytes, this);
  }

  pause(): Promise<void> {
    return this.#client.setWindow(0);
  }

  resume(): void {
    // A failure is reported by `onEnd`.
    this.#client.setWindow(windowBytes).catch(() => undefined);
  }

  close(): void {
    this.#client.stop('the proxy was closed');
    this.#socket.destroy();
  }

  accepted(): void {
    this.#onAccepted();
  }

  data(source: Buffer, from: number, to: number): void {
    this.#messages.read(source, from, to);
  }

  ended(reason: string): void {
    this.#socket.destroy();
    this.#onEnd(reason);
  }

  #receive(source: Buffer, from: number, to: number): void {
    const heard = decodeResponse(this.#protocol, source, from, to);
    this.#onResponse(heard);
    this.version = heard.version;
    this.#client.send(this.#requests.acknowledge(heard));
  }
}
