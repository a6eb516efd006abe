import assert from 'node:assert/strict';
import type { DeltaResponse, SotwResponse } from '../codec.ts';
import type { ClientStream, XdsClient } from '../client.ts';
import type { Contents } from '../step.ts';
import { urlOf } from '../vocabulary.ts';

const typeUrl = urlOf.secret;
const refusal = { code: 13, message: 'Failed to load trusted CA certificate' };
/** A name that is never served. With it a SotW request is never empty, which would subscribe to everything. */
const nothing = 'nothing';

/**
 * A proxy that acknowledges or rejects each response at once, and keeps the resources that it accepts, as Envoy
 * does.
 */
export interface RandomClient {
  subscribe(names: readonly string[]): void;
  unsubscribe(names: readonly string[]): void;
  /** Opens another stream: with `fresh` without resources, as another process; otherwise with its resources. */
  reconnect(fresh: boolean): Promise<void>;
  /** The versions that it has of its subscribed names. */
  readonly held: ReadonlyMap<string, string>;
  readonly subscribed: ReadonlySet<string>;
  readonly refuses: ReadonlySet<string>;
  /** Number of requests sent and responses read, on all its streams. */
  readonly messages: number;
  /** @throws {Error} if a response was wrong. */
  check(): void;
}

export interface RandomClientOptions {
  readonly client: XdsClient;
  readonly node: string;
  readonly protocol: 'delta' | 'sotw';
  readonly path: string;
  /** The versions that it rejects, as `name@version`. */
  readonly refuses: ReadonlySet<string>;
}

/** The names in a response and their versions; `undefined` for a removal. */
type ResponseContents = readonly (readonly [name: string, version: string | undefined])[];

/** Opens the first stream of a client, without subscriptions. */
export function startRandomClient(options: RandomClientOptions): RandomClient {
  const { client, node, protocol, path, refuses } = options;
  const subscribed = new Set<string>();
  const held = new Map<string, string>();
  let messages = 0;
  let problem: assert.AssertionError | undefined;
  let current = begin(new Map());

  /** Opens one stream. */
  function begin(quotes: ReadonlyMap<string, string>) {
    const last = new Map<string, string | undefined>(quotes);
    /** How often the same version may be sent again: once for each time that it was subscribed to, or rejected. */
    const allowedRepeats = new Map<string, number>();
    const allowRepeat = (name: string): void =>
      void allowedRepeats.set(name, (allowedRepeats.get(name) ?? 0) + 1);
    let nonce = '';
    let version = '';
    const stream = protocol === 'delta' ? client.delta(path) : client.sotw(path);

    function send(fields: object): void {
      messages += 1;
      const sotw = {
        resource_names: [nothing, ...subscribed],
        version_info: version,
        response_nonce: nonce,
      };
      stream.send({ node: { id: node }, type_url: typeUrl, ...(protocol === 'sotw' ? sotw : {}), ...fields });
    }

    function take(contents: ResponseContents): void {
      let isRefused = false;
      for (const [name, version] of contents) {
        if (name === nothing) continue;
        if (last.has(name) && last.get(name) === version) {
          const left = allowedRepeats.get(name) ?? 0;
          assert.ok(left > 0, `${node} got ${name}@${version} twice without a reason`);
          allowedRepeats.set(name, left - 1);
        }
        last.set(name, version);
        if (version !== undefined && refuses.has(`${name}@${version}`)) isRefused = true;
      }
      for (const [name, version] of contents) {
        if (isRefused) allowRepeat(name);
        else if (version === undefined) held.delete(name);
        else if (subscribed.has(name)) held.set(name, version);
      }
      const error = isRefused ? { error_detail: refusal } : {};
      send(protocol === 'delta' ? { response_nonce: nonce, ...error } : error);
    }

    async function listen(): Promise<void> {
      for (;;) {
        const response = await stream.next();
        messages += 1;
        nonce = response.nonce;
        const contents = contentsOf(response);
        if (
          'version_info' in response &&
          !contents.some(([name, version]) => refuses.has(`${name}@${version}`))
        )
          version = response.version_info;
        take(contents);
      }
    }

    send(
      protocol === 'delta'
        ? {
            resource_names_subscribe: [nothing, ...subscribed],
            initial_resource_versions: Object.fromEntries(quotes),
          }
        : {},
    );
    for (const name of subscribed) if (!quotes.has(name)) allowRepeat(name);
    listen().catch((error: unknown) => {
      if (error instanceof assert.AssertionError) problem ??= error;
    });
    return { stream: stream satisfies ClientStream<unknown>, send, allowRepeat };
  }

  return {
    subscribe(names) {
      for (const name of names) {
        subscribed.add(name);
        current.allowRepeat(name);
      }
      // A SotW request without new names subscribes to all of them again.
      if (protocol === 'sotw') for (const name of subscribed) current.allowRepeat(name);
      current.send(protocol === 'delta' ? { resource_names_subscribe: names } : {});
    },
    unsubscribe(names) {
      for (const name of names) {
        subscribed.delete(name);
        held.delete(name);
      }
      if (protocol === 'sotw') for (const name of subscribed) current.allowRepeat(name);
      current.send(protocol === 'delta' ? { resource_names_unsubscribe: names } : {});
    },
    async reconnect(fresh) {
      current.stream.cancel();
      await current.stream.ended;
      if (fresh) held.clear();
      current = begin(protocol === 'delta' ? held : new Map());
    },
    held,
    subscribed,
    refuses,
    get messages() {
      return messages;
    },
    check() {
      if (problem !== undefined) throw problem;
    },
  };
}

function contentsOf(response: DeltaResponse | SotwResponse): ResponseContents {
  if ('removed_resources' in response) {
    const present = response.resources.map(({ name, version }) => [name, version] as const);
    return [...present, ...response.removed_resources.map((name) => [name, undefined] as const)];
  }
  return response.resources.map(({ value }) => {
    const [name = '', version] = value.toString().split('@');
    return [name, version] as const;
  });
}

/** Returns the version that a client should have for a name. */
export function served(contents: Contents, name: string): string | undefined {
  return contents[name] ?? (name.startsWith('known:') ? 'fallback' : undefined);
}
