import assert from 'node:assert/strict';
import { suite, test } from 'node:test';

import { refuseRequest } from '../../src/admin/request-guard.ts';

const host = '127.0.0.1:5680';
const [plain, secure] = [
  { checkHost: true, secure: false },
  { checkHost: false, secure: true },
];

suite('the guard before requests', () => {
  const origins: readonly (readonly [string, { checkHost: boolean; secure: boolean }, boolean])[] = [
    [`http://${host}`, plain, true],
    // A proxy in front may add TLS.
    [`https://${host}`, plain, true],
    [`https://${host}`, secure, true],
    [`http://${host}`, secure, false],
    ['http://127.0.0.1', plain, false],
    ['http://evil.example', plain, false],
    ['https://evil.example', secure, false],
    ['null', plain, false],
    ['', secure, false],
  ];
  for (const [origin, server, allowed] of origins) {
    const kind = server.secure ? 'with' : 'without';
    test(`Origin "${origin}" at a server ${kind} TLS → ${allowed ? 'allowed' : '403'}`, () => {
      assert.equal(refuseRequest({ host, origin }, server)?.status, allowed ? undefined : 403);
    });
  }

  test('no Origin → allowed', () => {
    assert.equal(refuseRequest({ host }, plain), undefined);
    assert.equal(refuseRequest({ host }, secure), undefined);
  });
});
