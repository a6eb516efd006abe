import assert from 'node:assert/strict';
import type { DeltaResponse, SotwResponse } from '../codec.ts';
import type { ClientStream, XdsClient } from '../client.ts';
import type { Contents } from '../step.ts';
import { urlOf } from '../vocabulary.ts';

const typeUrl = urlOf.secret;
const refusal = { code: 13, message: 'Failed to load trusted CA certificate' };
/** Never served: with it a SotW request is never empty, which would ask for everything. */
const nothing = 'nothing';

/** A proxy that answers at once whatever comes, and keeps what it accepts, as Envoy does. */
export interface WalkingClient {
  subscribe(names: readonly string[]): void;
  unsubscribe(names: readonly string[]): void;
  /** Another stream; with nothing in hand if it is another process, else with what it holds. */
  reconnect(fresh: boolean): Promise<void>;
  /** What it holds of what it subscribes to. */
  readonly held: ReadonlyMap<string, string>;
  readonly subscribed: ReadonlySet<string>;
  readonly refuses: ReadonlySet<string>;
  /** Requests sent, and responses taken, on all its streams. */
  readonly traffic: number;
  /** @throws {Error} what was wrong with a response. */
  check(): void;
}

export interface WalkingClientOptions {
  readonly client: XdsClient;
  readonly node: string;
  readonly protocol: 'delta' | 'sotw';
  readonly path: string;
  /** What it refuses, as `name@version`. */
  readonly refuses: ReadonlySet<string>;
}

/** What a response says of names; undefined: that it is gone. */
type Told = readonly (readonly [name: string, version: string | undefined])[];

/** Opens the first stream of a client that subscribes to nothing yet. */
export function startWalkingClient(options: WalkingClientOptions): WalkingClient {
  const { client, node, protocol, path, refuses } = options;
  const subscribed = new Set<string>();
  const held = new Map<string, string>();
  let traffic = 0;
  let problem: assert.AssertionError | undefined;
  let talk = begin(new Map());

  /** One stream. */
  function begin(quotes: ReadonlyMap<string, string>) {
    const last = new Map<string, string | undefined>(quotes);
    /** How often the same may come again: once for each time that it was asked for, or refused. */
    const excuses = new Map<string, number>();
    const excuse = (name: string): void => void excuses.set(name, (excuses.get(name) ?? 0) + 1);
    let nonce = '';
    let version = '';
    const stream = protocol === 'delta' ? client.delta(path) : client.sotw(path);

    function send(fields: object): void {
      traffic += 1;
      const sotw = {
        resource_names: [nothing, ...subscribed],
        version_info: version,
        response_nonce: nonce,
      };
      stream.send({ node: { id: node }, type_url: typeUrl, ...(protocol === 'sotw' ? sotw : {}), ...fields });
    }

    function take(told: Told): void {
      let isRefused = false;
      for (const [name, said] of told) {
        if (name === nothing) continue;
        if (last.has(name) && last.get(name) === said) {
          const left = excuses.get(name) ?? 0;
          assert.ok(left > 0, `${node} got ${name}@${said} twice for no reason`);
          excuses.set(name, left - 1);
        }
        last.set(name, said);
        if (said !== undefined && refuses.has(`${name}@${said}`)) isRefused = true;
      }
      for (const [name, said] of told) {
        if (isRefused) excuse(name);
        else if (said === undefined) held.delete(name);
        else if (subscribed.has(name)) held.set(name, said);
      }
      const error = isRefused ? { error_detail: refusal } : {};
      send(protocol === 'delta' ? { response_nonce: nonce, ...error } : error);
    }

    async function listen(): Promise<void> {
      for (;;) {
        const response = await stream.next();
        traffic += 1;
        nonce = response.nonce;
        const told = tell(response);
        if ('version_info' in response && !told.some(([name, said]) => refuses.has(`${name}@${said}`)))
          version = response.version_info;
        take(told);
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
    for (const name of subscribed) if (!quotes.has(name)) excuse(name);
    listen().catch((error: unknown) => {
      if (error instanceof assert.AssertionError) problem ??= error;
    });
    return { stream: stream satisfies ClientStream<unknown>, send, excuse };
  }

  return {
    subscribe(names) {
      for (const name of names) {
        subscribed.add(name);
        talk.excuse(name);
      }
      // A SotW request that names nothing new asks for all of it again.
      if (protocol === 'sotw') for (const name of subscribed) talk.excuse(name);
      talk.send(protocol === 'delta' ? { resource_names_subscribe: names } : {});
    },
    unsubscribe(names) {
      for (const name of names) {
        subscribed.delete(name);
        held.delete(name);
      }
      if (protocol === 'sotw') for (const name of subscribed) talk.excuse(name);
      talk.send(protocol === 'delta' ? { resource_names_unsubscribe: names } : {});
    },
    async reconnect(fresh) {
      talk.stream.cancel();
      await talk.stream.ended;
      if (fresh) held.clear();
      talk = begin(protocol === 'delta' ? held : new Map());
    },
    held,
    subscribed,
    refuses,
    get traffic() {
      return traffic;
    },
    check() {
      if (problem !== undefined) throw problem;
    },
  };
}

function tell(response: DeltaResponse | SotwResponse): Told {
  if ('removed_resources' in response) {
    const there = response.resources.map(({ name, version }) => [name, version] as const);
    return [...there, ...response.removed_resources.map((name) => [name, undefined] as const)];
  }
  return response.resources.map(({ value }) => {
    const [name = '', version] = value.toString().split('@');
    return [name, version] as const;
  });
}

/** What a name is to be, by what is served. */
export function served(contents: Contents, name: string): string | undefined {
  return contents[name] ?? (name.startsWith('known:') ? 'fallback' : undefined);
}
