import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { startChild } from '../../kit/child.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { mostMemory } from '../../kit/most-memory.ts';
import { poll } from '../../kit/poll.ts';
import { untilIdle } from '../../kit/process-cost.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { createTokenIssuer, fakeToken, startTokenReviews } from '../../kit/token-reviews.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';
import { ads } from '../../xds/loopback/serving.ts';
import { createClient } from '../../xds/client.ts';
import { Metadata, credentials } from '@grpc/grpc-js';
import { assertBoundedCpu, cpuOf, describeCpu, startCost } from './attack-cpu.ts';
import { skip } from './under-attack.ts';

const attack = fileURLToPath(new URL('../../kit/attacks/flood-tokens.ts', import.meta.url));

/** Number of honest proxies that are served before the attack, to measure their cost. */
const calmServed = 5;
/** Growth of the resident memory of the server, in MiB. grpc-js has more objects for each call. */
const mostGrown = { own: 256, 'grpc-js': 384 } as const;

interface Flood {
  /** The number of addresses of the attacker. 0: that of the honest proxies. */
  readonly addresses: number;
  /** The budget of reviews that accept nothing, of the documentation. */
  readonly perSecond: number;
  readonly burst: number;
  /** True if the API server publishes its keys, and has signed the tokens of honest proxies. */
  readonly signs?: boolean;
  /** Whose key the tokens of the attacker name: by default, each one of its own. */
  readonly namesKey?: boolean;
  /** The number of ended streams of the attacker until which the test lasts. */
  readonly enough: number;
}

const floods: Readonly<Record<string, Flood>> = {
  'from another address': { addresses: 1, perSecond: 5, burst: 50, enough: 800 },
  'from the address of the honest proxies': { addresses: 0, perSecond: 5, burst: 50, enough: 800 },
  'from 100 addresses': { addresses: 100, perSecond: 50, burst: 500, enough: 2_000 },
  'with invented keys, from the address of the honest proxies': {
    addresses: 0,
    perSecond: 0,
    burst: 0,
    signs: true,
    enough: 4_000,
  },
  'with invented keys, from 100 addresses': {
    addresses: 100,
    perSecond: 0,
    burst: 0,
    signs: true,
    enough: 4_000,
  },
  'with the key of the API server': {
    addresses: 0,
    perSecond: 0,
    burst: 0,
    signs: true,
    namesKey: true,
    enough: 4_000,
  },
};

for (const transport of xdsTransports)
  suite(`flood of streams with random tokens, ${transport}`, { skip }, () => {
    for (const [
      what,
      { addresses, perSecond, burst, enough, signs = false, namesKey = false },
    ] of Object.entries(floods))
      test(`${what}: the API server gets the budget, and proxies with good tokens are served`, async () => {
        const good = new Set<string>();
        const issuer = createTokenIssuer();
        await using reviews = await startTokenReviews({
          accepts: (token) => good.has(token),
          ...(signs && { keys: () => issuer.keys }),
        });
        await using dir = await makeTempDir();
        await using trust = await makeTempDir();
        await writeFile(trust.join('a.yaml'), makeDomain('a.test').yaml());
        await writeFile(dir.join('kubeconfig'), reviews.kubeconfig);
        const serverStartedAt = performance.now();
        await using server = await startMeshtrust({
          dirs: [trust.path],
          args: [
            `--xds-transport=${transport}`,
            '--xds-auth=token',
            `--kubeconfig=${dir.join('kubeconfig')}`,
          ],
        });
        await untilIdle(server);
        const address = `127.0.0.1:${server.xdsPort}`;
        const ignored = new Set<string>();
        if (signs)
          await poll('the keys', async () => {
            const token = `${issuer.issue({}).slice(0, -4)}AAAA`;
            ignored.add(token);
            await connectOnce(address, token);
            return reviews.reviewed.includes(token) ? undefined : true;
          });
        let [served, attempts] = [0, 0];
        // Each has its own token, so each needs a review.
        const serveOne = async (): Promise<void> => {
          const token = (signs ? issuer.issue : fakeToken)({ name: `honest-${good.size}` });
          good.add(token);
          attempts += await untilServed(address, token);
          served += 1;
        };
        const calmMs = await cpuOf(server, async () => {
          for (let count = 0; count < calmServed; count += 1) await serveOne();
        });
        [served, attempts] = [0, 0];
        const before = await mostMemory(server);
        const startedAt = performance.now();
        await using attacker = await startChild(process.execPath, [
          attack,
          String(server.xdsPort),
          String(addresses),
          namesKey ? issuer.keyId : '-',
        ]);
        const ended = (): number => Number(attacker.stdout().trim().split('\n').at(-1));
        await poll('the attack', () => ended() > 0 || undefined);
        const cost = await startCost(server, attacker);

        do await serveOne();
        while (ended() < enough);
        const cpu = await cost.end((calmMs / calmServed) * attempts);
        const seconds = (performance.now() - startedAt) / 1_000;
        const bad = reviews.reviewed.filter((token) => !good.has(token) && !ignored.has(token)).length;
        const allowed = burst + perSecond * seconds;
        assert.ok(bad <= allowed && bad > 0 === burst > 0, `${bad} reviews of bad tokens in ${seconds} s`);
        assert.ok(reviews.most.atOnce <= 16);
        // One at the start, and one in two seconds: of the attack, and of the time before it.
        const reads = reviews.keyReads();
        const mostReads = 2 + (performance.now() - serverStartedAt) / 2_000;
        assert.ok(reads <= mostReads, `${reads} reads of the keys, at most ${mostReads} expected`);
        const grown = Math.round(((await mostMemory(server)) - before) / 2 ** 20);
        assert.ok(grown < mostGrown[transport], `${grown} MiB more`);
        // A review is a request to the API server: it costs more than the stream that causes it.
        assertBoundedCpu(cpu, 15);
        if (process.env['ATTACK_REPORT'] !== undefined)
          process.stdout.write(
            `${transport}, ${what}: ${ended()} bad streams, ${bad} reviews of them and ${reads} reads of keys in ${seconds.toFixed(1)} s; ` +
              `${served} proxies served; ${grown} MiB more; ${describeCpu(cpu)}\n`,
          );
      });
  });

/** Connects with the token. Resolves with `undefined` if the stream ends without trust. */
async function connectOnce(address: string, token: string): Promise<true | undefined> {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  using client = createClient(address, {}, credentials.createInsecure(), metadata);
  using stream = client.delta(ads.delta);
  stream.send({ type_url: secretTypeUrl, resource_names_subscribe: ['ALL'], node: { id: 'honest' } });
  return await stream.next().then(
    () => true,
    () => undefined,
  );
}

/** Connects with the token, as often as an Envoy would, until trust arrives. Returns the number of attempts. */
async function untilServed(address: string, token: string): Promise<number> {
  let attempts = 0;
  const attempt = (): Promise<true | undefined> => {
    attempts += 1;
    return connectOnce(address, token);
  };
  await poll('the trust', attempt, { timeoutMs: 60_000, everyMs: 100 });
  return attempts;
}
