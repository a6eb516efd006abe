import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { freePort } from '../kit/free-port.ts';
import { isMissing, reasonOf, reasonWithPlace } from '../../src/text/system-error.ts';

/** Returns the error of a promise. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );

/** Returns an error as Node.js makes it. */
const errorWith = (code: string, message: string, more: object = {}): Error =>
  Object.assign(new Error(message), { code, ...more });

const refused = errorWith('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5680', {
  address: '127.0.0.1',
  port: 5680,
});
const openSsl = (reason: string): string =>
  `write EPROTO 400303DDAD7F0000:error:0A00010B:SSL routines:a_function:${reason}:../deps/a.c:78:\n`;

/** Errors as Node.js 26 makes them, and the words with the place. */
const table: readonly (readonly [error: Error, words: string])[] = [
  [
    errorWith('ENOENT', "ENOENT: no such file or directory, open '/x'", { path: '/x' }),
    '/x: no such file or directory',
  ],
  [errorWith('EACCES', "EACCES: permission denied, open '/x'", { path: '/x' }), '/x: permission denied'],
  [errorWith('EISDIR', 'EISDIR: illegal operation on a directory, read'), 'is a directory'],
  [errorWith('ENOSPC', 'ENOSPC: no space left on device, write'), 'no space left on device'],
  [refused, '127.0.0.1:5680: connection refused'],
  [new AggregateError([refused, refused]), '127.0.0.1:5680: connection refused'],
  [
    errorWith('ECONNREFUSED', 'connect ECONNREFUSED ::1:5680', { address: '::1', port: 5680 }),
    '[::1]:5680: connection refused',
  ],
  [
    errorWith('ETIMEDOUT', 'connect ETIMEDOUT 192.0.2.1:443', { address: '192.0.2.1', port: 443 }),
    '192.0.2.1:443: the connection timed out',
  ],
  [
    errorWith('ENOTFOUND', 'getaddrinfo ENOTFOUND a.example', { hostname: 'a.example' }),
    'a.example: there is no host of this name',
  ],
  [
    errorWith('EAI_AGAIN', 'getaddrinfo EAI_AGAIN a.example', { hostname: 'a.example' }),
    'a.example: the name server does not answer',
  ],
  [
    errorWith('EADDRINUSE', 'listen EADDRINUSE: address already in use 127.0.0.1:5680', {
      address: '127.0.0.1',
      port: 5680,
    }),
    '127.0.0.1:5680: another program uses the address',
  ],
  [
    errorWith('EACCES', 'listen EACCES: permission denied /run/x', { address: '/run/x', port: -1 }),
    '/run/x: permission denied',
  ],
  [errorWith('ECONNRESET', 'socket hang up'), 'the connection was reset'],
  [errorWith('EPIPE', 'write EPIPE'), 'the connection was closed'],
  [errorWith('CERT_HAS_EXPIRED', 'certificate has expired'), 'the certificate has expired'],
  [
    errorWith(
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'self-signed certificate; if the root CA is installed locally, try',
    ),
    'the certificate is self-signed, and is not trusted itself',
  ],
  [
    errorWith('UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'unable to get local issuer certificate'),
    'the certificate is of a CA that is not trusted',
  ],
  [
    errorWith('ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames: ", {
      host: 'a',
    }),
    'the certificate is not for a',
  ],
  [
    errorWith(
      'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
      'error:05800074:x509 certificate routines::key values mismatch',
    ),
    'the key does not belong to the certificate',
  ],
  [errorWith('EPROTO', openSsl('wrong version number')), 'the server does not use TLS'],
  [errorWith('EPROTO', openSsl('tlsv13 alert certificate required')), 'TLS alert: certificate required'],
  [errorWith('EPROTO', openSsl('ssl/tls alert handshake failure')), 'TLS alert: handshake failure'],
  [errorWith('ERR_SSL_ODD', openSsl('odd reason')), 'odd reason'],
  [new DOMException('The operation was aborted due to timeout', 'TimeoutError'), 'no answer in time'],
  [errorWith('ERR_ODD', ''), 'ERR_ODD'],
  [new TypeError(''), 'TypeError'],
];

suite('errors of the system', () => {
  for (const [error, words] of table)
    test(`${error.message.split(/[\n;]/, 1).join()} → ${words}`, () =>
      assert.equal(reasonWithPlace(error), words));

  test('address in use, and certificate without a key: errors of Node.js itself', async () => {
    await using stack = new AsyncDisposableStack();
    const first = stack.use(createServer().listen(0, '127.0.0.1'));
    await once(first, 'listening');
    const { port } = first.address() as AddressInfo;
    const second = createServer().listen(port, '127.0.0.1');
    const [error] = (await once(second, 'error')) as [unknown];
    assert.equal(reasonWithPlace(error), `127.0.0.1:${port}: another program uses the address`);
    assert.throws(
      () => createSecureContext({ cert: 'none' }),
      (thrown) => reasonOf(thrown) === 'there is no PEM block',
    );
  });

  test('missing file: words without the code and the path, or with the path', async () => {
    const error = await errorOf(readFile('/nowhere/file'));
    assert.equal(reasonOf(error), 'no such file or directory');
    assert.equal(reasonWithPlace(error), '/nowhere/file: no such file or directory');
    assert.ok(isMissing(error));
  });

  test('directory in place of a file: words', async () => {
    assert.equal(reasonOf(await errorOf(readFile('/'))), 'is a directory');
  });

  test('no listener: words without the code, also if several addresses were tried', async () => {
    const port = await freePort();
    const refused = await errorOf(
      new Promise((resolve, reject) => connect(port, '127.0.0.1', () => resolve(0)).once('error', reject)),
    );
    assert.equal(reasonOf(refused), 'connection refused');
    assert.equal(reasonOf(new AggregateError([refused, refused])), 'connection refused');
  });

  test('code without a sentence here: the words of Node.js, or the whole message', () => {
    const loop = Object.assign(new Error("ELOOP: too many symbolic links encountered, open '/x'"), {
      code: 'ELOOP',
    });
    assert.equal(reasonOf(loop), 'too many symbolic links encountered');
    assert.equal(reasonOf(Object.assign(new Error('odd'), { code: 'ERR_ODD' })), 'odd');
  });

  test('other errors and values: unchanged', () => {
    assert.equal(reasonOf(new Error('it is longer than 3 bytes')), 'it is longer than 3 bytes');
    assert.equal(reasonWithPlace('text'), 'text');
  });
});
