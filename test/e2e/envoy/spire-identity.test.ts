import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';

import { binaries, skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import type { LogLine } from '../../kit/meshtrust.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { untilDecision } from '../../kit/tls-client.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import { playSpireAgent } from '../recipes/play-spire-agent.ts';
import { startPrinted, writePair } from './printed-bootstrap.ts';

const spiffeId = 'spiffe://a.test/ns/edge/sa/envoy';
/** Long enough for an Envoy to start and to connect with the first SVID. */
const firstLifeMs = 12_000;
/**
 * The second SVID is made while the first is valid, and must be valid when the Envoy connects after the end of that.
 */
const secondLifeMs = 28_000;
const timeout = 180_000;

/** True for a line about a client whose certificate was refused for a reason. */
function isRefusal({ event, reason, message, msg }: LogLine, cause: RegExp): boolean {
  return (
    event === 'xds-denied' && reason === 'certificate' && cause.test(`${String(message)} ${String(msg)}`)
  );
}

suite('Envoy whose certificate for the control plane is an SVID of a SPIRE agent', { skip }, () => {
  for (const { path, version } of binaries)
    test(
      `Envoy ${version}, an SVID that is replaced and expires: connects with the next one`,
      { timeout },
      async () => {
        await using stack = new AsyncDisposableStack();
        const [dir, trust] = [stack.use(await makeTempDir()), stack.use(await makeTempDir())];
        const domain = makeDomain('a.test');
        const put = watchedDir(trust.path).put;
        await put('a.yaml', domain.yaml());
        const ca = makeCa({ commonName: 'Control plane CA' });
        await writeFile(dir.join('ca.crt'), ca.certPem);
        const server = await writePair(dir, 'server', makeLeaf(ca, { dnsNames: ['meshtrust.test'] }));
        await writeFile(
          dir.join('access.yaml'),
          `- { from: { spiffeId: 'spiffe://a.test/ns/{namespace}/sa/envoy' }, mesh: default, node: '*.{namespace}' }`,
        );
        const control = stack.use(
          await startMeshtrust({
            dirs: [trust.path],
            args: [
              `--tls-cert=${server.cert}`,
              `--tls-key=${server.key}`,
              '--tls-client-trust=default',
              `--xds-access=${dir.join('access.yaml')}`,
              '--xds-max-stream-age=1s',
            ],
          }),
        );
        const socket = dir.join('agent.sock');
        const short = (lifeMs: number) => domain.leaf({ spiffeId, notAfter: new Date(Date.now() + lifeMs) });
        const agent = stack.use(await playSpireAgent(socket, 'default', short(firstLifeMs)));
        const parts = { envoyPath: path, xdsPort: control.xdsPort };
        const port = await startPrinted(stack, dir, parts, [
          '--node-id=gateway.edge',
          `--xds-spire-socket=unix:${socket}`,
        ]);
        await untilDecision(port, domain.client, 'accepted', { timeoutMs: 30_000 });
        assert.ok(agent.requested().has('default'));
        const { body } = await control.admin('/api/v1/proxies');
        assert.match(body, new RegExp(`"identity":\\s*"${spiffeId}"`));

        // The agent replaces the SVID. The connection still has the first one, until that has expired.
        await agent.rotate(short(secondLifeMs));
        await control.logged('the end of the first SVID', (line) => isRefusal(line, /expired/), 40_000);
        const [first, second] = ['b.test', 'c.test'].map((other) => makeDomain(other));
        assert.ok(first !== undefined && second !== undefined);
        await put('b.yaml', first.yaml());
        await untilDecision(port, first.client, 'accepted', { timeoutMs: 40_000 });

        // An SVID of another CA with the same SPIFFE ID.
        const stranger = makeCa({ commonName: 'Stranger CA' });
        await agent.rotate(makeLeaf(stranger, { spiffeId }));
        await control.logged(
          'the refusal of the wrong SVID',
          (line) => isRefusal(line, /^(?!.*expired)/),
          60_000,
        );
        await put('c.yaml', second.yaml());
        await agent.rotate(domain.leaf({ spiffeId }));
        await untilDecision(port, second.client, 'accepted', { timeoutMs: 60_000 });
      },
    );
});
