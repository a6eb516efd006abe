import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { xdsAuthOf } from '../../../src/cli/flags/xds-auth-options.ts';
import type { XdsAuthFlags } from '../../../src/cli/flags/xds-auth-options.ts';

const local: XdsAuthFlags = {
  xdsListen: '127.0.0.1:5678',
  xdsTokenAudience: 'meshtrust',
  xdsTokenCache: 60_000,
};
const everywhere = { ...local, xdsListen: '0.0.0.0:5678' };
const tls = { tlsCert: 'c' };

suite('who may use the xDS port', () => {
  const accepted: readonly (readonly [what: string, XdsAuthFlags, methods: readonly string[] | undefined])[] =
    [
      ['loopback', local, undefined],
      ['Unix socket', { ...local, xdsListen: 'unix:/x' }, undefined],
      ['every address, with none', { ...everywhere, xdsAuth: ['none'] }, ['none']],
      ['every address, with a client CA', { ...everywhere, ...tls, tlsClientCa: 'a' }, ['mtls']],
      ['every address, with the trust of a mesh', { ...everywhere, ...tls, tlsClientTrust: 'm' }, ['mtls']],
      ['every address, with tokens', { ...everywhere, ...tls, xdsAuth: ['token'] }, ['token']],
      [
        'every address, with tokens or none, and TLS',
        { ...everywhere, ...tls, xdsAuth: ['token', 'none'] },
        ['token', 'none'],
      ],
      ['loopback, with tokens or none', { ...local, xdsAuth: ['token', 'none'] }, ['token', 'none']],
      ['loopback, with tokens', { ...local, xdsAuth: ['token'] }, ['token']],
      ['access logs on loopback', { ...local, accessLogListen: '127.0.0.1:1' }, undefined],
      ['access logs on a Unix socket', { ...local, accessLogListen: 'unix:/y' }, undefined],
      ['access logs, with none', { ...local, accessLogListen: '0.0.0.0:1', xdsAuth: ['none'] }, ['none']],
      [
        'access logs, with a client CA',
        { ...local, ...tls, accessLogListen: '0.0.0.0:1', tlsClientCa: 'a' },
        ['mtls'],
      ],
      ['rules', { ...everywhere, ...tls, xdsAuth: ['token'], xdsAccess: 'f' }, ['token']],
    ];
  for (const [what, flags, methods] of accepted)
    test(`${what}: ${methods?.join(',') ?? 'no authentication'}`, () => {
      assert.deepEqual(xdsAuthOf(flags)?.methods, methods);
    });

  const refused: readonly (readonly [what: string, XdsAuthFlags, message: RegExp])[] = [
    ['every address', everywhere, /0\.0\.0\.0:5678: others could reach the xDS port there/],
    ['every address, with TLS alone', { ...everywhere, ...tls }, /others could reach/],
    ['every address, tokens without TLS', { ...everywhere, xdsAuth: ['token'] }, /others could reach/],
    [
      'every address, tokens or none without TLS',
      { ...everywhere, xdsAuth: ['token', 'none'] },
      /0\.0\.0\.0:5678: tokens could be read on the way there/,
    ],
    [
      'access logs of others, tokens or none without TLS',
      { ...local, accessLogListen: '0.0.0.0:1', xdsAuth: ['none', 'token'] },
      /0\.0\.0\.0:1: tokens could be read on the way there/,
    ],
    [
      'access logs of others',
      { ...local, accessLogListen: '0.0.0.0:1' },
      /others could send access logs there/,
    ],
    [
      'access logs of others, with TLS alone',
      { ...local, ...tls, accessLogListen: '0.0.0.0:1' },
      /0\.0\.0\.0:1: others could send access logs there/,
    ],
    [
      'access logs of others, tokens without TLS',
      { ...local, accessLogListen: '0.0.0.0:1', xdsAuth: ['token'] },
      /others could send access logs there/,
    ],
    ['mtls without TLS', { ...local, xdsAuth: ['mtls'] }, /needs TLS/],
    ['mtls without a CA', { ...local, ...tls, xdsAuth: ['mtls'] }, /needs --tls-client-ca FILE or/],
    [
      'CA without mtls',
      { ...local, ...tls, tlsClientCa: 'a', xdsAuth: ['token'] },
      /only with --xds-auth mtls/,
    ],
    ['CA and trust', { ...local, ...tls, tlsClientCa: 'a', tlsClientTrust: 'm' }, /either/],
    ['rules for nobody', { ...local, xdsAccess: 'f' }, /--xds-access needs/],
    [
      'rules and none',
      { ...local, ...tls, xdsAuth: ['token', 'none'], xdsAccess: 'f' },
      /combined with --xds-auth none/,
    ],
  ];
  for (const [what, flags, message] of refused)
    test(`${what}: is a usage error`, () => {
      assert.throws(() => xdsAuthOf(flags), message);
    });
});
