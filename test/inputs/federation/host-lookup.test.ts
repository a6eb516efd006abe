import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { suite, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createHostLookup } from '../../../src/inputs/federation/host-lookup.ts';

const never = new AbortController().signal;

/** A lookup in which the test answers for the operating system and for the DNS. */
function makeRig() {
  let now = 0;
  const calls: string[] = [];
  const probes: string[] = [];
  /** The hosts whose DNS answers nothing. */
  const dead = new Set<string>();
  /** The hosts whose DNS answers the probe only. */
  const hanging = new Set<string>();
  const running = new Map<string, PromiseWithResolvers<readonly LookupAddress[]>>();
  const lookupHost = createHostLookup({
    resolve(host) {
      calls.push(host);
      const call = Promise.withResolvers<readonly LookupAddress[]>();
      if (dead.has(host) || hanging.has(host)) running.set(host, call);
      else call.resolve([addressOf(host)]);
      return call.promise;
    },
    async probe(host) {
      probes.push(host);
      return !dead.has(host);
    },
    monotonic: () => now,
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  };
  return {
    calls,
    probes,
    dead,
    hanging,
    settle,
    ask: async (host: string, signal: AbortSignal = never, isForeign = false): Promise<string> => {
      try {
        const [first] = await lookupHost(host, signal, isForeign);
        return first?.address ?? 'none';
      } catch (error) {
        return (error as Error).message;
      }
    },
    /** The operating system gives up a call after 10 s. */
    giveUp: async (host: string): Promise<void> => {
      now += 10_000;
      running.get(host)?.reject(new Error('EAI_AGAIN'));
      await settle();
    },
    answer: async (host: string): Promise<void> => {
      running.get(host)?.resolve([addressOf(host)]);
      await settle();
    },
  };
}

function addressOf(host: string): LookupAddress {
  return { address: `address of ${host}`, family: 4 };
}

suite('lookup of hosts', () => {
  test('fifty hosts whose DNS does not answer: one call runs for them, and the others are found', async () => {
    const rig = makeRig();
    const deadHosts = Array.from({ length: 50 }, (_, index) => `dead-${index}.test`);
    for (const host of deadHosts) {
      rig.dead.add(host);
      void rig.ask(host);
    }
    await rig.settle();
    assert.deepEqual(rig.calls, ['dead-0.test']);
    assert.equal(await rig.ask('a.test'), 'address of a.test');
    assert.equal(await rig.ask('b.test'), 'address of b.test');
    await rig.giveUp('dead-0.test');
    assert.deepEqual(rig.calls.slice(1), ['a.test', 'b.test', 'dead-1.test']);
  });

  test('a host that was found: the DNS is not asked first the next time', async () => {
    const rig = makeRig();
    await rig.ask('a.test');
    await rig.ask('a.test');
    assert.deepEqual([rig.calls, rig.probes], [['a.test', 'a.test'], ['a.test']]);
  });

  test('a host of the file of hosts, whose DNS does not answer: is found, and is one of the quick ones then', async () => {
    const rig = makeRig();
    rig.dead.add('local.test');
    const asked = rig.ask('local.test');
    await rig.settle();
    await rig.answer('local.test');
    assert.equal(await asked, 'address of local.test');
    rig.dead.add('dead.test');
    void rig.ask('dead.test');
    await rig.settle();
    const again = rig.ask('local.test');
    await rig.settle();
    assert.deepEqual(rig.calls, ['local.test', 'dead.test', 'local.test']);
    await rig.answer('local.test');
    assert.equal(await again, 'address of local.test');
  });

  test('a quick host whose DNS no longer answers: delays the others once', async () => {
    const rig = makeRig();
    for (const host of ['a.test', 'b.test']) await rig.ask(host);
    rig.dead.add('a.test');
    const first = rig.ask('a.test');
    const delayed = rig.ask('b.test');
    await rig.settle();
    assert.deepEqual(rig.calls, ['a.test', 'b.test', 'a.test']);
    await rig.giveUp('a.test');
    assert.deepEqual([await first, await delayed], ['EAI_AGAIN', 'address of b.test']);
    void rig.ask('a.test');
    await rig.settle();
    assert.equal(await rig.ask('b.test'), 'address of b.test');
    assert.deepEqual(rig.probes, ['a.test', 'b.test', 'a.test']);
  });

  test('a host whose DNS answers the probe only: delays the others once', async () => {
    const rig = makeRig();
    rig.hanging.add('evil.test');
    void rig.ask('evil.test');
    await rig.settle();
    const delayed = rig.ask('a.test');
    await rig.settle();
    assert.deepEqual(rig.calls, ['evil.test']);
    await rig.giveUp('evil.test');
    assert.equal(await delayed, 'address of a.test');
    void rig.ask('evil.test');
    await rig.settle();
    assert.equal(await rig.ask('a.test'), 'address of a.test');
    assert.equal(await rig.ask('b.test'), 'address of b.test');
    assert.deepEqual(rig.calls, ['evil.test', 'a.test', 'evil.test', 'a.test', 'b.test']);
  });

  test('hosts that a peer names in redirects, always others: do not delay those of resources', async () => {
    const rig = makeRig();
    for (const host of ['evil-1.test', 'evil-2.test']) {
      rig.hanging.add(host);
      void rig.ask(host, never, true);
      await rig.settle();
      assert.equal(await rig.ask('a.test'), 'address of a.test');
    }
    assert.deepEqual(rig.calls, ['evil-1.test', 'a.test', 'a.test']);
  });

  test('a host of a redirect behind one that hangs: is one of the quick ones after its first turn', async () => {
    const rig = makeRig();
    rig.hanging.add('evil.test');
    void rig.ask('evil.test', never, true);
    await rig.settle();
    const over = new AbortController();
    const first = rig.ask('good.test', over.signal, true);
    await rig.settle();
    over.abort(new Error('timed out'));
    assert.equal(await first, 'timed out');
    await rig.giveUp('evil.test');
    void rig.ask('evil.test', never, true);
    await rig.settle();
    assert.equal(await rig.ask('good.test', never, true), 'address of good.test');
  });

  test('hosts of redirects that pile up: those that no request wants are left out', async () => {
    const rig = makeRig();
    const over = new AbortController();
    for (let index = 0; index < 150; index += 1) {
      rig.hanging.add(`evil-${index}.test`);
      void rig.ask(`evil-${index}.test`, over.signal, true);
    }
    await rig.settle();
    over.abort(new Error('timed out'));
    await rig.giveUp('evil-0.test');
    await rig.settle();
    const [, next, ...others] = rig.calls;
    assert.deepEqual(others, []);
    assert.ok(Number(/\d+/.exec(next ?? '')?.[0]) >= 49, `${next}`);
  });

  test('a host that was slow once: is one of the quick ones after a quick call', async () => {
    const rig = makeRig();
    rig.hanging.add('a.test');
    void rig.ask('a.test');
    await rig.settle();
    await rig.giveUp('a.test');
    rig.hanging.delete('a.test');
    assert.equal(await rig.ask('a.test'), 'address of a.test');
    rig.dead.add('dead.test');
    void rig.ask('dead.test');
    await rig.settle();
    assert.equal(await rig.ask('a.test'), 'address of a.test');
    assert.deepEqual(rig.probes, ['a.test', 'a.test', 'dead.test']);
  });

  test('a request that is over before its turn: is not asked for', async () => {
    const rig = makeRig();
    rig.dead.add('dead.test').add('late.test');
    void rig.ask('dead.test');
    const late = new AbortController();
    const result = rig.ask('late.test', late.signal);
    await rig.settle();
    late.abort(new Error('timed out'));
    assert.equal(await result, 'timed out');
    await rig.giveUp('dead.test');
    assert.deepEqual(rig.calls, ['dead.test']);
    assert.equal(await rig.ask('late.test', late.signal), 'timed out');
  });

  test('requests for one host: share a call, and one that is over leaves the others', async () => {
    const rig = makeRig();
    rig.dead.add('dead.test');
    const over = new AbortController();
    const asked = [rig.ask('dead.test', over.signal), rig.ask('dead.test'), rig.ask('dead.test')];
    await rig.settle();
    over.abort(new Error('timed out'));
    await rig.answer('dead.test');
    assert.deepEqual(await Promise.all(asked), ['timed out', 'address of dead.test', 'address of dead.test']);
    assert.deepEqual(rig.calls, ['dead.test']);
  });
});
