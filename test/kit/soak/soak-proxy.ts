import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { typeUrls } from '../../../src/xds/index.ts';
import { deltaRequests, deltaResponses, sotwRequests, sotwResponses } from '../../xds/codec.ts';

const secretName = 'system_trust_bundle';

export interface SoakProxyOptions {
  readonly id: string;
  readonly port: number;
  readonly protocol: 'delta' | 'sotw';
  readonly random: () => number;
}

/** What a response says. */
interface Received {
  readonly nonce: string;
  readonly version: string;
  /** The secret; `undefined` if the response has none. */
  readonly secret: Buffer | undefined;
}

/** How often a proxy does what, by response. */
const habits = { refuses: 0.05, lags: 0.05, leaves: 0.05 } as const;
const longest = { lagMs: 1500, awayMs: 2000, backOffMs: 300 } as const;

const paths = {
  delta: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
  sotw: '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets',
} as const;

/** A proxy that lags, refuses, leaves and reconnects at random. */
export class SoakProxy {
  readonly #options: SoakProxyOptions;
  #session: ClientHttp2Session | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isCalm = false;
  #isClosed = false;
  /** The version that it accepted last. */
  #version = '';
  /** The serial number of the secret that it received last. */
  serial = 0;
  refused = 0;
  connections = 0;
  /** Statuses with which the server ended its streams. */
  readonly statuses = new Map<string, number>();

  constructor(options: SoakProxyOptions) {
    this.#options = options;
    this.#later(1000, () => this.#connect());
  }

  /** From now on it neither lags nor refuses nor leaves. */
  calm(): void {
    this.#isCalm = true;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#session?.destroy();
  }

  #later(ms: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, this.#options.random() * ms);
  }

  #connect(): void {
    this.connections += 1;
    const session = connect(`http://127.0.0.1:${this.#options.port}`);
    this.#session = session;
    session.on('error', () => undefined);
    session.on('close', () => {
      if (!this.#isClosed && this.#session === session) this.#later(longest.backOffMs, () => this.#connect());
    });
    const stream = session.request({
      ':method': 'POST',
      ':path': paths[this.#options.protocol],
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    for (const event of ['response', 'trailers'] as const)
      stream.on(event, (headers: Record<string, unknown>) => this.#noteStatus(headers['grpc-status']));
    stream.on('close', () => session.close());
    this.#subscribe(stream);
    let held = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 5 && held.length >= 5 + held.readUInt32BE(1)) {
        const end = 5 + held.readUInt32BE(1);
        this.#receive(stream, held.subarray(5, end));
        held = held.subarray(end);
      }
    });
  }

  #noteStatus(status: unknown): void {
    if (typeof status === 'string') this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  #subscribe(stream: ClientHttp2Stream): void {
    const node = { id: this.#options.id };
    const common = { node, type_url: typeUrls.secret };
    if (this.#options.protocol === 'sotw')
      return send(stream, sotwRequests.serialize({ ...common, resource_names: [secretName] }));
    const held = this.#version === '' ? {} : { [secretName]: this.#version };
    const request = { ...common, resource_names_subscribe: [secretName], initial_resource_versions: held };
    send(stream, deltaRequests.serialize(request));
  }

  #receive(stream: ClientHttp2Stream, bytes: Buffer): void {
    const received = this.#decode(bytes);
    const serial = /k(\d+)\.soak\.test/.exec(received.secret?.toString('latin1') ?? '')?.[1];
    if (serial !== undefined) this.serial = Number(serial);
    const { random } = this.#options;
    if (this.#isCalm) return this.#answer(stream, received, false);
    const isRefused = random() < habits.refuses;
    if (random() < habits.lags) {
      stream.pause();
      return this.#later(longest.lagMs, () => {
        stream.resume();
        this.#answer(stream, received, isRefused);
      });
    }
    this.#answer(stream, received, isRefused);
    if (random() >= habits.leaves) return;
    const session = this.#session;
    this.#session = undefined;
    session?.destroy();
    this.#later(longest.awayMs, () => this.#connect());
  }

  #decode(bytes: Buffer): Received {
    if (this.#options.protocol === 'sotw') {
      const { nonce, version_info: version, resources } = sotwResponses.deserialize(bytes);
      return { nonce, version, secret: resources[0]?.value };
    }
    const { nonce, resources } = deltaResponses.deserialize(bytes);
    return { nonce, version: resources[0]?.version ?? '', secret: resources[0]?.resource.value };
  }

  #answer(stream: ClientHttp2Stream, { nonce, version }: Received, isRefused: boolean): void {
    if (stream.destroyed) return;
    if (isRefused) this.refused += 1;
    else this.#version = version;
    const common = {
      type_url: typeUrls.secret,
      response_nonce: nonce,
      ...(isRefused ? { error_detail: { code: 3, message: 'refused at random' } } : {}),
    };
    const sotw = { ...common, version_info: this.#version, resource_names: [secretName] };
    send(
      stream,
      this.#options.protocol === 'sotw' ? sotwRequests.serialize(sotw) : deltaRequests.serialize(common),
    );
  }
}

function send(stream: ClientHttp2Stream, message: Buffer): void {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  stream.write(Buffer.concat([header, message]));
}
