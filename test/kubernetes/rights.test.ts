import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { loadAll } from 'js-yaml';

import type { Meshtrust } from '../kit/meshtrust.ts';
import { poll } from '../kit/poll.ts';
import { untilSays, untilTold } from './object-status.ts';
import { makeDomain, meshTrust, skip, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly Rule[];
}

/** One verb on one object, or on one kind of them. */
interface Right {
  readonly text: string;
  readonly role: string;
  readonly rule: Rule;
}

const manifest = new URL('../../deploy/kustomize/rbac.yaml', import.meta.url);
const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

/** Each single right of a role. */
function rightsOf({ metadata, rules }: Role): readonly Right[] {
  return rules.flatMap((rule) =>
    rule.verbs.flatMap((verb) =>
      (rule.resourceNames ?? [undefined]).map((name) => ({
        text: `${verb} ${rule.resources.join()}${name === undefined ? '' : `/${name}`}`,
        role: metadata.name,
        rule: { ...rule, verbs: [verb], ...(name === undefined ? {} : { resourceNames: [name] }) },
      })),
    ),
  );
}

/** The roles of the manifests, with these rights alone. */
async function allow(stage: Stage, roles: readonly Role[], rights: readonly Right[]): Promise<void> {
  for (const role of roles) {
    const rules = rights.filter(({ role: name }) => name === role.metadata.name).map(({ rule }) => rule);
    await stage.kubectl('replace -f -', JSON.stringify({ ...role, rules }));
  }
}

const isForbidden = (line: unknown): boolean => JSON.stringify(line).includes(' is forbidden: ');

/** Everything that the program does with the cluster: it reads, follows, tells, and writes. */
async function putToUse(stage: Stage, name: string): Promise<void> {
  const object = JSON.parse(meshTrust(makeDomain(name))) as {
    spec: { caBundles: { pem: { value: string } }[] };
  };
  const [bundle] = object.spec.caBundles;
  if (bundle !== undefined) bundle.pem.value += damaged;
  await stage.kubectl('apply -f -', JSON.stringify(object));
}

test('the rights of the manifests are enough, and each of them is needed', { skip }, async (t) => {
  await using stage = await startStage();
  const roles = (loadAll(await readFile(manifest, 'utf8')) as Role[]).filter(({ kind }) => kind === 'Role');
  const rights = roles.flatMap(rightsOf);
  assert.ok(rights.length >= 8, `${rights.length} rights`);
  await stage.kubectl('apply -f -', meshTrust(makeDomain('standing.test')));
  const start = (): Promise<Meshtrust> =>
    stage.meshtrust({ args: ['--guard-hold=1s'], waitUntilReady: false });

  await t.test('with all of them nothing is forbidden', async () => {
    const meshtrust = await start();
    try {
      await putToUse(stage, 'whole.test');
      await untilSays(stage, 'whole.test', 'Accepted', 'PartlyRefused');
      await untilTold(stage, 'whole.test', 'PartlyRefused');
      await poll('both Leases', async () =>
        (await stage.kubectl('get leases -o name')).trim().split('\n').length === 2 ? true : undefined,
      );
    } finally {
      await meshtrust.stop();
    }
    assert.deepEqual(meshtrust.logs().filter(isForbidden), []);
  });

  for (const [index, right] of rights.entries()) {
    await t.test(`without: ${right.text}`, async () => {
      await allow(
        stage,
        roles,
        rights.filter((one) => one !== right),
      );
      // One that is there already need not be made.
      if (right.text.startsWith('create leases')) await stage.kubectl('delete leases --all');
      const meshtrust = await start();
      try {
        await putToUse(stage, `without-${index}.test`);
        const line = await meshtrust.logged('what is forbidden', isForbidden, 20_000);
        const [verb = '', resource = ''] = right.text.split(' ');
        const said = JSON.stringify(line);
        assert.match(said, new RegExp(`cannot ${verb} resource`), 'the API server names the verb');
        assert.ok(said.includes(resource.split('/')[0] ?? ''), said);
      } finally {
        await meshtrust.stop();
        await allow(stage, roles, rights);
      }
    });
  }
});
