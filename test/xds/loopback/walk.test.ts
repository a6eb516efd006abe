import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from '../../kit/fast-check.ts';
import type { XdsClient } from '../client.ts';
import type { Contents } from '../step.ts';
import { setOf, urlOf } from '../vocabulary.ts';
import { ads, roundTrip, sds, serve } from './serving.ts';
import type { Serving } from './serving.ts';
import { served, startRandomClient } from './random-client.ts';
import type { RandomClient } from './random-client.ts';

const allNames = ['a', 'b', 'known:c', 'known:d'] as const;
const versions = ['1', '2', '3'] as const;
const proxies = 3;

type Walk =
  | { readonly kind: 'set'; readonly contents: Contents }
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly proxy: number; readonly names: readonly string[] }
  | { readonly kind: 'reconnect'; readonly proxy: number; readonly fresh: boolean }
  /** Waits for messages in flight to arrive. Otherwise requests and responses cross. */
  | { readonly kind: 'breathe'; readonly proxy: number };

const proxy = fc.nat({ max: proxies - 1 });
const names = fc.uniqueArray(fc.constantFrom(...allNames), { minLength: 1, maxLength: 3 });
const contents = fc.dictionary(fc.constantFrom(...allNames), fc.constantFrom(...versions), { maxKeys: 4 });
const steps: fc.Arbitrary<Walk> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('set' as const), contents }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), proxy, names }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unsubscribe' as const), proxy, names }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('reconnect' as const), proxy, fresh: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('breathe' as const), proxy }) },
);
const walks = fc.record({
  walk: fc.array(steps, { minLength: 5, maxLength: 40, size: 'max' }),
  /** The versions that each proxy rejects. */
  refusals: fc.array(
    fc.subarray(
      allNames.flatMap((name) => versions.map((version) => `${name}@${version}`)),
      { maxLength: 3 },
    ),
    { minLength: proxies, maxLength: proxies },
  ),
});

const methods = [
  { name: 'DeltaAggregatedResources', protocol: 'delta', path: ads.delta },
  { name: 'StreamAggregatedResources', protocol: 'sotw', path: ads.sotw },
  { name: 'DeltaSecrets', protocol: 'delta', path: sds.delta },
  { name: 'StreamSecrets', protocol: 'sotw', path: sds.sotw },
] as const;

suite('random walk over gRPC: each stream ends with its subscribed resources', () => {
  for (const { name, protocol, path } of methods) {
    test(name, async () => {
      let taken = 0;
      await fc.assert(
        fc.asyncProperty(walks, async ({ walk, refusals }) => {
          await using serving = await serve({ tickMs: 2 });
          const clients = refusals.map((refused, index) => {
            const options = { client: serving.connect(), node: `n${index}`, protocol, path };
            return startRandomClient({ ...options, refuses: new Set(refused) });
          });
          const probe = serving.connect();
          const last = await take(walk, { serving, clients, probe });
          await untilEnd({ probe, clients, last, protocol });
          taken += clients.reduce((sum, { messages }) => sum + messages, 0);
        }),
        { numRuns: 60 },
      );
      assert.ok(taken > 1_000, `the walks saw only ${taken} messages`);
    });
  }
});

/** Runs the steps and returns the contents that were set last. */
async function take(
  walk: readonly Walk[],
  { serving, clients, probe }: { serving: Serving; clients: readonly RandomClient[]; probe: XdsClient },
): Promise<Contents> {
  let last: Contents = {};
  const put = (next: Contents): void => {
    last = next;
    serving.store.set('', urlOf.secret, setOf(next));
  };
  put({ a: '1' });
  for (const step of walk) {
    switch (step.kind) {
      case 'set':
        put(step.contents);
        break;
      case 'subscribe':
        clients[step.proxy]?.subscribe(step.names);
        break;
      case 'unsubscribe':
        clients[step.proxy]?.unsubscribe(step.names);
        break;
      case 'reconnect':
        await clients[step.proxy]?.reconnect(step.fresh);
        break;
      case 'breathe':
        await roundTrip(probe);
        break;
    }
  }
  return last;
}

interface End {
  readonly probe: XdsClient;
  readonly clients: readonly RandomClient[];
  readonly last: Contents;
  readonly protocol: 'delta' | 'sotw';
}

/**
 * Waits until every client has what is served and no more messages are sent. A round trip shows that the server is
 * quiet only if its tick was not late, so a client that lacks something may get it in a later one.
 */
async function untilEnd({ probe, clients, last, protocol }: End): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    await settle(probe, clients);
    for (const client of clients) client.check();
    try {
      for (const client of clients) checkEnd(client, last, protocol);
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

/** Makes round trips until no more messages are sent. */
async function settle(probe: XdsClient, clients: readonly RandomClient[]): Promise<void> {
  const messages = (): number => clients.reduce((sum, client) => sum + client.messages, 0);
  for (let quiet = 0, before = -1; quiet < 5; quiet = messages() === before ? quiet + 1 : 0) {
    before = messages();
    await roundTrip(probe);
  }
}

function checkEnd(client: RandomClient, last: Contents, protocol: 'delta' | 'sotw'): void {
  for (const name of client.subscribed) {
    const current = served(last, name);
    if (current !== undefined && client.refuses.has(`${name}@${current}`)) continue;
    // SotW cannot report that a secret was removed.
    if (current === undefined && protocol === 'sotw') continue;
    assert.equal(client.held.get(name), current, `${name} is not what is served`);
  }
}
