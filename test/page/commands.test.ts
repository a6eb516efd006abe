import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { suite, test } from 'node:test';
import type { MeshDetail } from '../../src/api/api-types.ts';
import type { CertificateDetail } from '../../src/api/certificate-api-types.ts';
import type { IdentityList } from '../../src/api/identity-api-types.ts';
import type { ServerDetail } from '../../src/api/server-api-types.ts';
import { commandsOf } from '../../src/page/commands.ts';
import type { CommandInput } from '../../src/page/commands.ts';
import { initialState } from '../../src/page/page-state.ts';
import type { Route } from '../../src/page/route.ts';

const origin = 'http://127.0.0.1:5680';
const linesOf = (route: Route, over: Partial<CommandInput> = {}): readonly string[] =>
  commandsOf({ ...initialState(route, 0, origin), ...over }).map(({ line }) => line);

const anchors = [
  {
    resources: [
      'a/kuma-system/payments',
      'a//of-a-file',
      'meshidentity:a/kuma-system/identity@east',
      'superseded:a/kuma-system/identity@x.test@2026-11-28T20:01:22.805Z',
    ],
  },
];
const mesh = { version: 'ab12', trustDomains: [{ anchors }, { anchors }] } as unknown as MeshDetail;
const inCluster = { sources: [{ name: 'kubernetes' }] } as unknown as ServerDetail;

suite('commands of a view', () => {
  test('mesh: its proxies in the chosen state, its version, its CA certificates', () => {
    assert.deepEqual(linesOf({ kind: 'mesh', mesh: 'a', filter: { state: 'lost' } }, { mesh }), [
      'meshtrust proxy-status --mesh=a --state=lost',
      'meshtrust wait --mesh=a --version=ab12',
      'meshtrust export --mesh=a',
      'meshtrust bundle --mesh=a --format=pem',
    ]);
  });

  test('mesh of a cluster: how to read the objects that list its CAs, each once', () => {
    const lines = linesOf({ kind: 'mesh', mesh: 'a' }, { mesh, about: inCluster });
    assert.deepEqual(
      lines.filter((line) => line.startsWith('kubectl')),
      [
        'kubectl get meshtrust payments --namespace=kuma-system --output=yaml',
        'kubectl get meshidentity identity --namespace=kuma-system --output=yaml',
      ],
    );
  });

  test('mesh with a MeshIdentity: how to list them', () => {
    const identities = { read: true, identities: [{ mesh: 'a' }] } as unknown as IdentityList;
    const of = (mesh: string): readonly string[] =>
      linesOf({ kind: 'mesh', mesh }, { identities }).filter((line) => line.includes('identities'));
    assert.deepEqual([of('a'), of('b')], [['meshtrust identities --mesh=a'], []]);
  });

  test('CA: the effect of its revocation, and a MeshTrust of its trust domain', () => {
    const places = [{ mesh: 'a', trustDomain: 'x.test', resources: [] }];
    const ca = { fingerprint: 'f5c7', places } as unknown as CertificateDetail;
    assert.deepEqual(linesOf({ kind: 'ca', fingerprint: 'f5c7' }, { ca }), [
      'meshtrust revoke f5c7 --distrust=FILE --dry-run',
      'meshtrust export --mesh=a --trust-domain=x.test',
    ]);
  });

  test('another server than the default: is named', () =>
    assert.deepEqual(linesOf({ kind: 'overview' }, { origin: 'https://trust.example' }), [
      'meshtrust check --server=https://trust.example',
    ]));

  for (const node of ["$(touch x)'; rm -rf / #", 'a b', '~', '`id`', '"', '\\', 'web-1.ns:80']) {
    test(`node ${node}: a shell reads it as one word`, () => {
      const [line = ''] = linesOf({ kind: 'proxy', mesh: 'a', node });
      const words = line.replace(/^meshtrust/, String.raw`printf %s\\0`);
      const read = execFileSync('sh', ['-c', words], { encoding: 'utf8' }).split('\0');
      assert.deepEqual(read, ['proxy-status', node, '--mesh=a', '']);
    });
  }

  for (const [what, node] of [
    ['escape sequence that ends a paste', '\u001B[201~\nid\n'],
    ['line break', 'a\nb'],
    ['text that is shown from right to left', 'a\u202Eb'],
    ['option', '--server=http://elsewhere'],
    ['empty name', ''],
  ] as const) {
    test(`node with ${what}: has no command`, () =>
      assert.deepEqual(linesOf({ kind: 'proxy', mesh: 'a', node }), []));
  }
});
