import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Frame } from '../../src/xds/core/frames.ts';
import * as fc from '../kit/fast-check.ts';
import { proxyScene } from './proxy-scene.ts';

const names = ['ALL', 'spiffe://a.test', 'spiffe://b.test'] as const;
type Versions = Readonly<Record<(typeof names)[number], string>>;

type Step =
  | { readonly kind: 'serve'; readonly versions: Versions }
  | { readonly kind: 'subscribe' | 'unsubscribe'; readonly name: string }
  /** The client takes a response and acknowledges it; a request reaches the server; time passes. */
  | { readonly kind: 'client' | 'server' | 'wait' };

const version = fc.constantFrom('1', '2', '3');
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('serve' as const),
      versions: fc.record({ ALL: version, 'spiffe://a.test': version, 'spiffe://b.test': version }),
    }),
    fc.record({
      kind: fc.constantFrom('subscribe' as const, 'unsubscribe' as const),
      name: fc.constantFrom(...names),
    }),
    fc.record({ kind: fc.constant('client' as const) }),
    fc.record({ kind: fc.constant('server' as const) }),
    fc.record({ kind: fc.constantFrom('client' as const, 'server' as const, 'wait' as const) }),
  ),
  { maxLength: 60, size: 'max' },
);

type Request = Parameters<ReturnType<typeof proxyScene>['requests']>[0];

/** A client on a delta stream whose messages take time in both directions. Versions are `name@version`. */
function createClient() {
  const { serve, requests, responses, state, pass } = proxyScene();
  const [toServer, toClient]: [Request[], Frame[]] = [[], []];
  const subscribed = new Set<string>();
  const inForce = new Map<string, string>();
  let served = new Map<string, string>();

  const take = (): void => void toClient.push(...responses());
  const isCurrent = (name: string, of: string | undefined): boolean => of === served.get(name);

  function receive(): void {
    const response = toClient.shift();
    if (response === undefined) return;
    for (const resource of response.resources)
      if (subscribed.has(resource.name)) inForce.set(resource.name, resource.version);
    toServer.push({ answers: response });
  }

  function arrive(): void {
    const request = toServer.shift();
    if (request === undefined) return;
    requests(request);
    take();
  }

  function step(next: Step): void {
    switch (next.kind) {
      case 'serve': {
        const versions = Object.entries(next.versions).map(([name, of]) => [name, `${name}@${of}`] as const);
        served = new Map(versions);
        serve(Object.fromEntries(versions));
        return take();
      }
      case 'subscribe':
        subscribed.add(next.name);
        return void toServer.push({ subscribe: [next.name] });
      case 'unsubscribe':
        if (!subscribed.delete(next.name)) return;
        inForce.delete(next.name);
        return void toServer.push({ unsubscribe: [next.name] });
      case 'client':
        return receive();
      case 'server':
        return arrive();
      case 'wait':
        pass(6_000);
        return take();
    }
  }

  return {
    step,
    /** A proxy counts as in sync only if it has what is served, and nothing else is on its way. */
    check(): void {
      if (state() !== 'synced' || toServer.length > 0 || served.size === 0) return;
      for (const name of subscribed) assert.ok(isCurrent(name, inForce.get(name)), `${name} is not in force`);
      for (const { resources } of toClient)
        for (const { name, version: of } of resources)
          assert.ok(!subscribed.has(name) || isCurrent(name, of), `${of} is on its way`);
    },
    /** Delivers all messages. The proxy is in sync then, and has what is served. */
    finish(): void {
      if (subscribed.size === 0 || served.size === 0) return;
      while (toServer.length + toClient.length > 0) {
        arrive();
        receive();
      }
      assert.equal(state(), 'synced');
      for (const name of subscribed) assert.ok(isCurrent(name, inForce.get(name)), `${name} is not in force`);
    },
  };
}

suite('proxy whose messages take time', () => {
  test('in sync only with what is served, and always in the end', () => {
    fc.assert(
      fc.property(steps, (walk) => {
        const client = createClient();
        for (const step of [{ kind: 'subscribe', name: 'ALL' } as const, ...walk]) {
          client.step(step);
          client.check();
        }
        client.finish();
      }),
      { numRuns: 300 },
    );
  });
});
