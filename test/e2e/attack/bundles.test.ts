import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fetchBundle } from '../../bundle-endpoint/fetch-bundle.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { startChild } from '../../kit/child.ts';
import { mostMemory } from '../../kit/most-memory.ts';
import { poll } from '../../kit/poll.ts';
import { startBundleStage } from '../federation/bundle-stage.ts';
import { assertBoundedCpu, cpuOf, describeCpu, startCost } from './attack-cpu.ts';
import { connectProxy, skip } from './under-attack.ts';

const program = fileURLToPath(new URL('../../kit/attacks/flood-bundles.ts', import.meta.url));
const kinds = [
  'connections',
  'handshakes',
  'whole-handshakes',
  'slow-headers',
  'requests',
  'big-headers',
  'unread',
];
/** The number of changes that honest consumers and proxies must see during an attack. */
const changes = 5;
/** A consumer whose connection is closed, or that gets 429, tries again. */
const mostAttempts = 5;

const [first, second, web] = ['First', 'Second', 'Web'].map((commonName) => makeCa({ commonName })) as [
  Certificate,
  Certificate,
  Certificate,
];
/** The bundle whose responses an attacker does not read: larger than the buffers of the kernel. */
const many = Array.from({ length: 1_000 }, (_, index) => makeCa({ commonName: `Many ${index}` }));

const profiles = {
  web: { leaf: makeLeaf(web, { dnsNames: ['localhost'] }), ca: web },
  spiffe: {
    leaf: makeLeaf(first, { spiffeId: 'spiffe://a.test/meshtrust', dnsNames: ['localhost'] }),
    ca: first,
  },
} as const;

for (const profile of ['web', 'spiffe'] as const)
  suite(`attack on the bundle endpoint, https_${profile}: consumers and proxies are served`, { skip }, () => {
    for (const kind of kinds)
      test(kind, async () => {
        const { leaf, ca } = profiles[profile];
        await using stage = await startBundleStage({
          profile,
          leaf,
          trust: { 'a.test': [first], 'many.test': many },
        });
        const { server } = stage;
        const port = new URL(stage.url).port;
        using proxy = connectProxy(`127.0.0.1:${server.xdsPort}`, 'honest');
        await proxy.next();
        const attempts: number[] = [];
        const work = async (count: number): Promise<void> => {
          for (let change = 1; change <= count; change += 1) {
            const listed = change % 2 === 1 ? [first, second] : [first];
            const changed = proxy.next();
            await stage.list('a.test', listed);
            await changed;
            attempts.push(await attemptsUntil(port, ca, listed.length));
          }
        };
        const calmMs = await cpuOf(server, () => work(2));
        const before = await mostMemory(server);
        await using attacker = await startChild(process.execPath, [program, port, kind, '/many.test']);
        await poll('the attack', () => attacker.stdout().includes('attacking') || undefined);
        const cost = await startCost(server, attacker);
        await work(changes);
        const cpu = await cost.end((calmMs / 2) * changes);
        const grown = Math.round(((await mostMemory(server)) - before) / 2 ** 20);
        assert.equal(attacker.exited(), undefined);
        if (process.env['ATTACK_REPORT'] !== undefined)
          process.stdout.write(
            `${profile} ${kind}: attempts ${attempts.join()} grown ${grown} MiB; ${describeCpu(cpu)}\n`,
          );
        assert.ok(Math.max(...attempts) <= mostAttempts, `a consumer needed ${attempts.join()} attempts`);
        assert.ok(grown < 256, `${grown} MiB more`);
        assertBoundedCpu(cpu);
      });
  });

/**
 * Fetches the bundle until it has the number of keys, and waits before another attempt for the time that the server
 * asks for. Returns the number of attempts, without those that got the bundle before the change.
 */
async function attemptsUntil(port: string, ca: Certificate, keys: number): Promise<number> {
  for (let attempt = 1; ;) {
    const response = await fetchBundle(port, '/a.test', { ca: ca.certPem }).catch(() => undefined);
    if (response?.status === 200) {
      const { keys: found } = JSON.parse(response.body) as { readonly keys: readonly unknown[] };
      if (found.length === keys || attempt > mostAttempts) return attempt;
    } else {
      attempt += 1;
      if (attempt > mostAttempts) return attempt;
      await delay(Number(response?.headers['retry-after'] ?? 0) * 1000);
    }
  }
}
