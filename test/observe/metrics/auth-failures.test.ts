import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { suite, test } from 'node:test';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { accessRefusals } from '../../../src/access/claim.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import type { Certificate } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { parseSamples, startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const [ca, clientCa, otherCa] = [
  makeCa(),
  makeCa({ commonName: 'Clients' }),
  makeCa({ commonName: 'Others' }),
];
const server = makeLeaf(ca, { dnsNames: ['localhost'] });
const trust = fileURLToPath(new URL('../../../examples/trust', import.meta.url));

/** Connects with the certificate, if any, and waits until the server closes the connection. */
function knock(port: number, identity?: Certificate): Promise<void> {
  const shown = identity === undefined ? {} : { cert: identity.certPem, key: identity.keyPem };
  return new Promise((resolve) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      ...shown,
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
  });
}

suite('rejected client', () => {
  for (const workers of [1, 2]) {
    test(`is counted by reason, with ${workers} process${workers === 1 ? '' : 'es'} for proxies`, async () => {
      await using dir = await makeTempDir();
      const write = async (name: string, text: string): Promise<string> => {
        await writeFile(dir.join(name), text);
        return dir.join(name);
      };
      const probePort = await freePort();
      await using program = await startMeshtrust({
        dirs: [trust],
        // No client has credentials to ask the admin API whether it is ready.
        waitUntilReady: false,
        args: [
          `--workers=${workers}`,
          `--probe-listen=127.0.0.1:${probePort}`,
          `--tls-cert=${await write('crt', server.certPem)}`,
          `--tls-key=${await write('key', server.keyPem)}`,
          `--tls-client-ca=${await write('ca', clientCa.certPem)}`,
          `--admin-token-file=${await write('tokens', '0123456789abcdef')}`,
        ],
      });
      await program.logged('its addresses', ({ event }) => event === 'listening');
      await knock(program.xdsPort);
      await knock(program.xdsPort, makeLeaf(otherCa));
      connectPlain(program.xdsPort, '127.0.0.1').end('GET / HTTP/1.1\r\n\r\n');
      assert.equal((await program.admin('/api/v1/meshes')).status, 401);

      const failures = async (listener: string) => {
        const scrape = await (await fetch(`http://127.0.0.1:${probePort}/metrics`)).text();
        return Object.fromEntries(parseSamples(scrape, `meshtrust_${listener}_auth_failures_total`));
      };
      const proxies = await poll('all to be counted', async () => {
        const counts = await failures('xds');
        return Object.values(counts).reduce((sum, count) => sum + count, 0) >= 3 ? counts : undefined;
      });
      const others = accessRefusals.map((reason) => [`reason="${reason}"`, 0] as const);
      assert.deepEqual(proxies, {
        ...Object.fromEntries(others),
        'reason="certificate"': 2,
        'reason="handshake"': 1,
      });
      assert.deepEqual(await failures('admin'), {
        'reason="no-credentials"': 1,
        'reason="unknown-token"': 0,
        'reason="certificate"': 0,
        'reason="handshake"': 0,
      });
    });
  }
});
