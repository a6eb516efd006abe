import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import {
  assertLetIn,
  assertNothingRejected,
  assertRefused,
  binaries,
  skipWithoutEnvoys as skip,
  startEnvoys,
  untilAll,
} from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { transports } from '../../kit/envoy-bootstrap.ts';
import type { EnvoyOptions } from '../../kit/envoy.ts';
import { startForwarder } from '../../kit/forwarder.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { LogLine } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { xdsTransports } from '../../kit/xds-transports.ts';

const ruleFor = (account: string): string =>
  `- { from: { spiffeId: 'spiffe://edge.test/ns/edge/sa/${account}' }, mesh: default }\n`;
const both = ruleFor('kept') + ruleFor('removed');

for (const transport of xdsTransports)
  test(
    `access rules that change under open streams of Envoys, ${transport}: apply to new streams only`,
    { skip },
    async () => {
      const ca = makeCa({ commonName: 'Control plane CA' });
      const server = makeLeaf(ca, { dnsNames: ['meshtrust.test'] });
      await using stack = new AsyncDisposableStack();
      const dir = stack.use(await makeTempDir());
      const trust = stack.use(await makeTempDir());
      const [first, second, third, fourth] = ['a.test', 'b.test', 'c.test', 'd.test'].map((name) =>
        makeDomain(name),
      );
      assert.ok(first !== undefined && second !== undefined && third !== undefined && fourth !== undefined);
      const files = watchedDir(trust.path);
      await files.put('a.yaml', first.yaml());
      const access = watchedDir(dir.path);
      await access.put('access.yaml', both);
      const tls = { 'tls-cert': server.certPem, 'tls-key': server.keyPem, 'tls-client-ca': ca.certPem };
      for (const [flag, pem] of Object.entries(tls)) await writeFile(dir.join(flag), pem);
      const control = stack.use(
        await startMeshtrust({
          dirs: [trust.path],
          args: [
            `--xds-transport=${transport}`,
            '--xds-auth=mtls',
            '--guard-hold=0',
            ...Object.keys(tls).map((flag) => `--${flag}=${dir.join(flag)}`),
            `--xds-access=${dir.join('access.yaml')}`,
          ],
        }),
      );
      const relay = stack.use(await startForwarder(control.xdsPort));
      const [binary] = binaries;
      assert.ok(binary !== undefined);
      const envoyOf = (account: string, by: (typeof transports)[number], nodeId: string): EnvoyOptions => ({
        path: binary.path,
        transport: by,
        nodeId,
        xdsPort: relay.port,
        tls: {
          caPem: ca.certPem,
          serverName: 'meshtrust.test',
          identity: makeLeaf(ca, { spiffeId: `spiffe://edge.test/ns/edge/sa/${account}` }),
        },
      });
      const [kept, ...removed] = await startEnvoys(stack, [
        envoyOf('kept', 'delta-ads', 'kept'),
        ...transports.map((by) => envoyOf('removed', by, `removed-${by}`)),
      ]);
      assert.ok(kept !== undefined);
      const all = [kept, ...removed];
      await untilAll(all, first.client, 'accepted');

      // A broken file: the rules stay in force, for open streams and for new ones.
      await access.put('access.yaml', '- {}');
      await control.logged('the broken rules', ({ event }) => event === 'xds-access-refused');
      await files.put('b.yaml', second.yaml());
      await untilAll(all, second.client, 'accepted');
      relay.reset();
      await files.put('c.yaml', third.yaml());
      await untilAll(all, third.client, 'accepted');
      const deniedNodes = (): ReadonlySet<unknown> =>
        new Set(control.logs().flatMap(({ event, node }) => (event === 'xds-denied' ? [node] : [])));
      assert.equal(deniedNodes().size, 0);

      // An identity is removed: its open streams continue.
      await access.put('access.yaml', ruleFor('kept'));
      const rulesAre =
        (count: number): ((line: LogLine) => boolean) =>
        (line) =>
          line['event'] === 'xds-access' && line['rules'] === count;
      await control.logged('the rule', rulesAre(1));
      await files.remove('b.yaml');
      await untilAll(all, second.client, 'refused');

      // Their next streams are refused. They keep the trust that they have.
      relay.reset();
      await poll('all of them to be refused', () => deniedNodes().size === removed.length || undefined);
      assert.deepEqual(deniedNodes(), new Set(removed.map(({ nodeId }) => nodeId)));
      await files.put('d.yaml', fourth.yaml());
      await untilAll([kept], fourth.client, 'accepted');
      for (const { port } of removed) {
        await assertLetIn(port, third.client);
        await assertRefused(port, fourth.client);
      }

      // The identity is listed again.
      await access.put('access.yaml', both);
      await untilAll(removed, fourth.client, 'accepted', 40_000);
      for (const envoy of all) await assertNothingRejected(envoy);
    },
  );
