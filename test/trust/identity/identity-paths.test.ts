import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { IdentityPaths } from '../../../src/trust/identity/identity-paths.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { makeCa } from '../../kit/certificates.ts';
import { bundled, identityText, inline, parseAll, secretText } from '../../kit/mesh-identities.ts';

const { certPem } = makeCa({ commonName: 'A' });
const secret = secretText('ca', certPem);
const identity = identityText({ spec: bundled(inline(certPem)) });

function version(path: string, text: string): LedgerEvent {
  return { kind: 'version', path, settled: true, parsed: parseAll(path, text) };
}

const synced: LedgerEvent = { kind: 'synced' };
const restored: LedgerEvent = { kind: 'restored', path: 'a', grants: [] };
const unreadable: LedgerEvent = { kind: 'unreadable', path: 'a', reason: 'EACCES' };
const gone: LedgerEvent = { kind: 'gone', path: 'a', evidence: 'deletion' };

/** The events of the source `files`, of which the last one counts. */
interface Case {
  readonly name: string;
  readonly events: readonly LedgerEvent[];
  readonly isMaterial?: boolean;
  readonly gone?: readonly string[];
  /** The state of the path `a` after the events; `undefined` if the path is gone. */
  readonly state:
    { readonly version: boolean; readonly rejected: boolean; readonly confirmed: boolean } | undefined;
}

const read = { version: true, rejected: false, confirmed: true };

const cases: readonly Case[] = [
  { name: 'a MeshIdentity: no other derivation needs it', events: [version('a', identity)], state: read },
  { name: 'a Secret: others may need it', events: [version('a', secret)], isMaterial: true, state: read },
  {
    name: 'a Secret becomes a MeshIdentity: others may have needed it',
    events: [version('a', secret), version('a', identity)],
    isMaterial: true,
    state: read,
  },
  {
    name: 'a version that cannot be parsed: the last good one stays',
    events: [version('a', secret), version('a', '{')],
    state: { ...read, rejected: true },
  },
  {
    name: 'a file that cannot be read: the last good version stays',
    events: [version('a', identity), unreadable],
    state: { ...read, rejected: true },
  },
  {
    name: 'a good version after a bad one: is the newest',
    events: [unreadable, version('a', identity)],
    state: read,
  },
  {
    name: 'a deleted Secret: others may have needed it',
    events: [version('a', secret), gone],
    isMaterial: true,
    gone: ['a'],
    state: undefined,
  },
  { name: 'a deleted file that was never read: nothing', events: [gone], state: undefined },
  {
    name: 'restored and not read yet: is not confirmed',
    events: [restored],
    state: { version: false, rejected: false, confirmed: false },
  },
  {
    name: 'restored and not found by the first read: is gone',
    events: [restored, synced],
    gone: ['a'],
    state: undefined,
  },
  {
    name: 'restored and found, but not legible: stays',
    events: [restored, unreadable, synced],
    state: { version: false, rejected: true, confirmed: true },
  },
  {
    name: 'restored and kept by the first read: stays',
    events: [restored, { kind: 'kept', path: 'a' }, synced],
    state: { version: false, rejected: false, confirmed: true },
  },
];

const named = parseAll('i', identity);
assert.ok(named.kind === 'documents' && named.identities[0]?.kind === 'mesh-identity');
const { resource } = named.identities[0];

suite('paths that MeshIdentities are derived from', () => {
  for (const { name, events, isMaterial = false, gone: expectedGone = [], state } of cases)
    test(name, () => {
      const paths = new IdentityPaths();
      for (const event of events.slice(0, -1)) paths.update('files', [event]);
      const result = paths.update('files', events.slice(-1));
      assert.equal(result.isMaterial, isMaterial);
      assert.deepEqual(
        result.gone.map(({ path }) => path),
        expectedGone,
      );
      const found = paths.get('files', 'a');
      const { rejected, confirmed } = found ?? {};
      assert.deepEqual(found && { version: found.version !== undefined, rejected, confirmed }, state);
    });

  test('first read of one source ends: paths of another source stay', () => {
    const paths = new IdentityPaths();
    paths.update('files', [restored]);
    assert.deepEqual(paths.update('kubernetes', [synced]).gone, []);
    assert.notEqual(paths.get('files', 'a'), undefined);
  });

  test('index: has the Secret of the first path, and follows changes', () => {
    const paths = new IdentityPaths();
    const other = makeCa({ commonName: 'B' }).certPem;
    const valueOf = (): unknown => paths.index().secretOf(resource, 'ca')?.blocks;
    paths.update('files', [version('b', secretText('ca', other))]);
    const ofB = valueOf();
    paths.update('files', [version('a', secret)]);
    const ofA = valueOf();
    assert.notDeepEqual(ofA, ofB);
    paths.update('files', [gone]);
    assert.deepEqual(valueOf(), ofB);
  });
});
