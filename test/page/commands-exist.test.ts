import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MeshDetail } from '../../src/api/api-types.ts';
import type { CertificateDetail } from '../../src/api/certificate-api-types.ts';
import type { ConsumerList } from '../../src/api/consumer-api-types.ts';
import type { FederationList } from '../../src/api/federation-api-types.ts';
import type { IdentityList } from '../../src/api/identity-api-types.ts';
import { commandTable } from '../../src/cli/command-table.ts';
import { flagsOfCommandLine, flagsWithVariable } from '../../src/cli/flags/flag-table.ts';
import { commandsOf } from '../../src/page/commands.ts';
import { initialState } from '../../src/page/page-state.ts';
import type { Route } from '../../src/page/route.ts';

const flags: Readonly<Record<string, readonly string[]>> = { ...flagsWithVariable, ...flagsOfCommandLine };
const mesh = { version: 'ab12', trustDomains: [] } as unknown as MeshDetail;
const identities = { read: true, identities: [{ mesh: 'a' }] } as unknown as IdentityList;
const consumers = { published: [{ mesh: 'a' }], consumers: [], forgotten: 0 } as unknown as ConsumerList;
const federation = { read: true, relationships: [{ mesh: 'a' }] } as unknown as FederationList;
const places = [{ mesh: 'a', trustDomain: 'x.test', resources: [] }];
const ca = { fingerprint: 'f5c7', places } as unknown as CertificateDetail;

const routes: readonly Route[] = [
  { kind: 'overview' },
  { kind: 'mesh', mesh: 'a', filter: { state: 'lost' } },
  { kind: 'proxy', mesh: 'a', node: 'edge-1' },
  { kind: 'ca', fingerprint: 'f5c7' },
];

for (const route of routes) {
  test(`commands that the page offers for ${route.kind}: exist, with their flags`, () => {
    const state = { ...initialState(route, 0, 'http://a:1'), mesh, identities, federation, consumers, ca };
    const lines = commandsOf(state).map(({ line }) => line.split(' ').slice(1));
    assert.ok(lines.length > 0);
    for (const words of lines) {
      const command = commandTable.find(
        ({ name, alias }) => name === words.slice(0, name.split(' ').length).join(' ') || alias === words[0],
      );
      assert.ok(command !== undefined, words.join(' '));
      const known = command.flags.map((flag) => /--[a-z-]+/.exec(flags[flag]?.[0] ?? '')?.[0]);
      for (const word of words.filter((one) => one.startsWith('--')))
        assert.ok(known.includes(word.split('=')[0]), `${command.name} has no ${word}`);
    }
  });
}
