import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { suite, test } from 'node:test';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';

/** Starts an HTTP server that gives the same answer to every request. */
async function answering(status: number, body: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

suite('the exit code', () => {
  const usages: readonly (readonly [args: readonly string[], sentence: RegExp])[] = [
    [['serve'], /--dir PATH, --kubernetes, or both/],
    [['serve', '--dir', '.', '--guard-hold', 'soon'], /duration/],
    [['serve', '--dir', '.', '--max-connection-age', '720h'], /Give at most 480h/],
    [['serve', '--dir', '.', '--max-connection-age', '480h1m'], /duration/],
    [['serve', '--dir', '.', '--lost-window', '99999999999s'], /Give at most 87600h/],
    [['serve', '--dir', '.', '--lost-window', '87601h'], /Give at most 87600h/],
    [['serve', '--dir', '.', '--max-connection-age', '28801m'], /Give at most 480h/],
    [['serve', '--dir', '.', '--request-timeout', '0'], /--request-timeout .* is invalid\. Give more than 0/],
    [['serve', '--dir', '.', '--slow-timeout', '0s'], /--slow-timeout .* is invalid\. Give more than 0/],
    [
      ['serve', '--dir', '.', '--keepalive-timeout', '0'],
      /--keepalive-timeout .* is invalid\. Give more than 0/,
    ],
    [['serve', '--dir', '.', '--tls-cert', 'x'], /TLS needs both --tls-cert and --tls-key/],
    [['serve', '--dir', '.', '--admin-cert', 'x'], /TLS needs both --admin-cert and --admin-key/],
    [['serve', '--dir', '.', '--admin-listen', '0.0.0.0:1'], /others could reach the admin API there/],
    [
      ['serve', '--dir', '.', '--admin-listen', '[::]:1', '--admin-cert', 'x', '--admin-key', 'x'],
      /others could reach the admin API there/,
    ],
    [
      ['serve', '--dir', '.', '--admin-listen', '0.0.0.0:1', '--admin-token-file', 'x'],
      /others could reach the admin API there/,
    ],
    [
      ['guard', 'release', '--server', 'http://a.test:1', '--token-file', 'LICENSE'],
      /http:\/\/a\.test:1: the token is not sent without TLS/,
    ],
    [['ps', '--token-file', '/nowhere'], /\/nowhere cannot be read: no such file or directory/],
    [['ps', '--client-cert', 'LICENSE'], /needs both --client-cert and --client-key/],
    [['serve', '--dir', '.', '--xds-listen', 'here'], /not an address: here/],
    [['serve', '--dir', '.', '--root-trust-domain', 'A.test'], /must be in lower case/],
    [['serve', '--dir', '.', '--log-level', 'loud'], /Allowed choices are debug/],
    [['serve', '--dir', '.', '--no-such-flag'], /unknown option '--no-such-flag'/],
    [['verify', '--leaf', '/nowhere', '.'], /^error: \/nowhere cannot be read: no such file or directory/],
    [['bundle', '.', '--format', 'pem', '-o', 'json'], /--format and --output cannot be combined/],
    [['bootstrap', '--node-id', 'a', '--xds-address', 'there'], /not an address: there/],
    [['validate'], /missing required argument 'path'/],
    [['bundle', '.', '-o', 'xml'], /Allowed choices are table, wide, json, yaml/],
    [['nonsense'], /unknown command 'nonsense'/],
    [[], /Usage: meshtrust/],
    [['guard', 'release', '--server', 'nonsense'], /--server nonsense: not a URL such as /],
    [['guard', 'release', '--server', 'ftp://127.0.0.1'], /127\.0\.0\.1: not a URL such as /],
    [['check', '--server', ''], /'--server <url>' argument '' is invalid\. It names no server/],
    [['check', '--server', ' , '], /It names no server/],
    [['guard', 'release', '--mesh', '', '--yes'], /'--mesh <name>' argument '' is invalid\. It is empty/],
    [
      ['wait', '--mesh', 'default', '--version='],
      /'--version <version>' argument '' is invalid\. It is empty/,
    ],
    [['ps', ''], /the node id is empty/],
    [['serve', ''], /a path is empty/],
    [['serve', '--dir', ''], /'--dir <path\.\.\.>' argument '' is invalid\. A path is empty/],
    [
      ['check', '--server', 'http://user:secret@127.0.0.1:1'],
      /--server http:\/\/127\.0\.0\.1:1: give the address only, without a path, a query or a user/,
    ],
    [['check', '--server', 'http://127.0.0.1:1/meshtrust'], /give the address only, without a path/],
  ];
  for (const [args, sentence] of usages) {
    test(`2: meshtrust ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await run(args);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, sentence);
    });
  }

  test('0: help and version, which go to stdout', async () => {
    for (const args of [['--help'], ['serve', '--help'], ['--version']]) {
      const { code, stdout, stderr } = await run(args);
      assert.deepEqual([code, stderr], [0, ''], args.join(' '));
      assert.ok(stdout.length > 0);
    }
  });

  const refusals: readonly (readonly [what: string, flags: readonly string[], sentence: RegExp])[] = [
    [
      'a distrust list that is not there',
      ['--distrust=/nowhere'],
      /the distrust list \S+ cannot be read: no such file or directory/,
    ],
    [
      'a certificate that is not there',
      ['--tls-cert=/nowhere', '--tls-key=/nowhere'],
      /TLS cannot be set up/,
    ],
    [
      'a state directory that cannot be made',
      ['--state-dir=/dev/null/state'],
      /the state directory cannot be used: .*not a directory/,
    ],
  ];
  for (const [what, flags, sentence] of refusals) {
    test(`serve with ${what}: 5`, async () => {
      await using dir = await makeTempDir();
      const listen = ['--xds-listen=127.0.0.1:0', '--admin-listen=127.0.0.1:0', '--log-level=error'];
      const { code, stderr } = await run(['serve', '--dir', dir.path, ...listen, ...flags]);
      assert.equal(code, 5);
      assert.match(stderr, sentence);
      assert.equal(stderr.trimEnd().split('\n').length, 1, 'one line');
    });
  }

  test('file for the connection that cannot be used: 2, without a word about the server', async () => {
    await using dir = await makeTempDir();
    const ca = makeCa();
    const files = {
      token: 's3\u0001cret',
      'ca.pem': 'nothing',
      'cert.pem': ca.certPem,
      'key.pem': makeLeaf(ca).keyPem,
    };
    for (const [name, text] of Object.entries(files)) await writeFile(dir.join(name), text);
    const cases: readonly (readonly [flags: readonly string[], sentence: RegExp])[] = [
      [['--token-file', dir.join('token')], /^error: token file \S+token cannot be used: Invalid character/],
      [['--ca', dir.join('ca.pem')], /^error: --ca \S+ca\.pem: it has no certificate in PEM$/m],
      [
        ['--client-cert', dir.join('cert.pem'), '--client-key', dir.join('key.pem')],
        /^error: --client-cert \S+ and --client-key \S+ cannot be used: the key does not belong to the certificate$/m,
      ],
      [
        ['--client-cert', dir.join('ca.pem'), '--client-key', dir.join('key.pem')],
        /^error: --client-cert .* cannot be used: there is no PEM block$/m,
      ],
    ];
    for (const [flags, sentence] of cases) {
      const { code, stdout, stderr } = await run(['check', '--server=https://127.0.0.1:1', ...flags]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, sentence);
      assert.doesNotMatch(stderr, /does not answer|s3|cret/);
    }
  });

  test('server does not answer: 3', async () => {
    const { code, stderr } = await run(['guard', 'release', `--server=http://127.0.0.1:${await freePort()}`]);
    assert.equal(code, 3);
    assert.match(stderr, /^error: \S+: the server does not answer: connection refused/);
  });

  test('server does not answer a request that changes something: 3; unknown only if the request was sent', async () => {
    const lost = createServer((_, response) => response.destroy());
    lost.listen(0, '127.0.0.1');
    await once(lost, 'listening');
    const address = lost.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const sent = await run(['federation', 'refresh', `--server=http://127.0.0.1:${port}`]);
    lost.close();
    const refused = await run(['federation', 'refresh', `--server=http://127.0.0.1:${await freePort()}`]);
    assert.deepEqual([sent.code, refused.code], [3, 3]);
    assert.match(
      sent.stderr,
      /does not answer: .*; it is unknown whether it carried out the request: run the command/,
    );
    assert.match(refused.stderr, /the server does not answer: connection refused\n$/);
  });

  test('server answers with an error: 1, with its message', async () => {
    await using server = await answering(403, '{"error":{"code":"forbidden","message":"not from here"}}');
    const refused = await run(['guard', 'release', `--server=${server.url}`]);
    assert.deepEqual([refused.code, refused.stderr], [1, `error: ${server.url} answered: not from here\n`]);
    await using other = await answering(502, '<html>');
    const { code, stderr } = await run(['guard', 'release'], { MESHTRUST_SERVER: other.url });
    assert.deepEqual(
      [code, stderr],
      [1, `error: ${other.url} answered: HTTP status 502 without a message; is it the admin API?\n`],
    );
  });

  const commands = [
    ['check'],
    ['ps'],
    ['ps', 'edge-1'],
    ['bundle'],
    ['diff', 'examples/trust'],
    ['export'],
    ['wait', '--mesh=default', '--timeout=0'],
    ['identities'],
    ['identities', 'release', 'identity'],
    ['federation'],
    ['federation', 'refresh'],
    ['federation', 'consumers'],
    ['guard', 'release'],
    ['bootstrap', '--node-id=a'],
  ];
  for (const body of ['null', '{}', '[]', '7'])
    test(`server answers every request with ${body}: 1, and each command asks whether it is the admin API`, async () => {
      await using server = await answering(200, body);
      for (const args of commands) {
        const { code, stdout, stderr } = await run([...args, `--server=${server.url}`]);
        assert.equal(code, 1, args.join(' '));
        assert.match(
          stdout + stderr,
          /answered: not as the admin API of this version does: it /,
          args.join(' '),
        );
      }
    });

  for (const body of ['{"error":"Not Found"}', '{"error":null}', '{"error":{}}'])
    test(`server answers with ${body}, without a message: 1`, async () => {
      await using server = await answering(404, body);
      for (const args of commands) {
        const { code, stdout, stderr } = await run([...args, `--server=${server.url}`]);
        assert.equal(code, 1, args.join(' '));
        assert.match(
          stdout + stderr,
          /HTTP status 404 without a message; is it the admin API\?/,
          args.join(' '),
        );
      }
    });

  test('guard release, nothing is held: 0, with a message', async () => {
    await using server = await answering(200, '{"meshes":[]}');
    const { code, stdout, stderr } = await run(['guard', 'release', `--server=${server.url}`]);
    assert.deepEqual([code, stdout, stderr], [0, '', 'the guard holds no trust domain\n']);
  });

  test('interrupted command: 1', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), 'kind: ConfigMap\n');
    const { code, stderr } = await run(['validate', dir.path], {}, AbortSignal.abort());
    assert.deepEqual([code, stderr], [1, 'error: interrupted\n']);
  });
});
