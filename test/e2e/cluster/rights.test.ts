import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { eventsOf, getObject, untilCondition, untilEvent } from './object-status.ts';
import { allow, readRoles, rightsOf } from './roles.ts';
import { makeDomain } from '../../kit/domain.ts';
import { listOf, meshTrust, skip, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const manifest = new URL('../../../deploy/kustomize/rbac.yaml', import.meta.url);
const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

const isForbidden = (line: unknown): boolean => JSON.stringify(line).includes(' is forbidden: ');

/** Options with which the program uses all its rights: it reads, watches, reports, and writes. */
async function putToUse(stage: Stage, name: string): Promise<void> {
  const object = JSON.parse(meshTrust(makeDomain(name))) as {
    spec: { caBundles: { pem: { value: string } }[] };
  };
  const [bundle] = object.spec.caBundles;
  if (bundle !== undefined) bundle.pem.value += damaged;
  await stage.kubectl('apply -f -', JSON.stringify(object));
}

/** The inputs for the check of a missing right. The API server has already rejected the request that needs it. */
interface Loss {
  readonly stage: Stage;
  readonly meshtrust: Meshtrust;
  readonly name: string;
}

async function noStatus({ stage, name }: Loss): Promise<void> {
  assert.equal((await getObject(stage, name)).status, undefined);
}

async function noLeader(loss: Loss): Promise<void> {
  assert.equal((await loss.meshtrust.metric('meshtrust_kubernetes_leader')).get(''), 0);
  await noStatus(loss);
  assert.deepEqual(await eventsOf(loss.stage, loss.name), []);
}

/** Checks of the feature that fails without each right. */
const losses: Readonly<Record<string, (loss: Loss) => Promise<void>>> = {
  'list meshtrusts': async ({ meshtrust }) => {
    const { status, body } = await meshtrust.admin('/readyz');
    assert.equal(status, 503);
    assert.match(body, /kubernetes/);
  },
  'watch meshtrusts': async ({ stage, meshtrust }) => {
    await stage.kubectl('apply -f -', meshTrust(makeDomain('unseen.test')));
    const refused = async (): Promise<number> =>
      (await stage.cluster.asked()).filter(({ verb, allowed }) => verb === 'watch' && !allowed).length;
    const before = await refused();
    await poll('another attempt', async () => ((await refused()) > before ? true : undefined), {
      timeoutMs: 20_000,
    });
    assert.doesNotMatch((await meshtrust.admin('/api/v1/meshes/default')).body, /unseen\.test/);
  },
  'patch meshtrusts/status': noStatus,
  'create events': async ({ stage, name }) => {
    await untilCondition(stage, name, 'Accepted', 'PartlyRefused');
    assert.deepEqual(await eventsOf(stage, name), []);
  },
  'create leases': async (loss) => {
    await noLeader(loss);
    assert.equal((await loss.stage.kubectl('get leases -o name')).trim(), '');
  },
  'get leases/meshtrust': noLeader,
  'patch leases/meshtrust': noLeader,
  'patch leases/meshtrust-replicas': async ({ stage, name }) => {
    // It is unknown whether other replicas have proxies.
    const { status } = await untilCondition(stage, name, 'Programmed', 'CountsIncomplete');
    assert.equal(status, 'Unknown');
  },
};

/** Leases without a holder, as they exist after the first start, so that they need not be created. */
function freeLeases(): string {
  const lease = (name: string): string =>
    JSON.stringify({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name }, spec: {} });
  return listOf(lease('meshtrust'), lease('meshtrust-replicas'));
}

test('rights of the manifests: are sufficient, and each one is necessary', { skip }, async (t) => {
  await using stage = await startStage();
  const roles = await readRoles(manifest);
  const rights = roles.flatMap(rightsOf);
  assert.deepEqual(rights.map(({ text }) => text).sort(), Object.keys(losses).sort());
  await stage.kubectl('apply -f -', meshTrust(makeDomain('standing.test')));
  const start = (): Promise<Meshtrust> =>
    stage.meshtrust({ args: ['--guard-hold=1s'], waitUntilReady: false });

  await t.test('all rights: nothing is forbidden, and each right is used', async () => {
    const meshtrust = await start();
    try {
      await putToUse(stage, 'whole.test');
      await untilCondition(stage, 'whole.test', 'Programmed', 'NoProxies');
      await untilEvent(stage, 'whole.test', 'PartlyRefused');
    } finally {
      await meshtrust.stop();
    }
    assert.deepEqual(meshtrust.logs().filter(isForbidden), []);
    const asked = await stage.cluster.asked();
    assert.deepEqual(
      asked.filter(({ allowed }) => !allowed),
      [],
    );
    const used = new Set(
      asked.flatMap(({ verb, resource, name }) => [`${verb} ${resource}`, `${verb} ${resource}/${name}`]),
    );
    assert.deepEqual(
      rights.map(({ text }) => text).filter((text) => !used.has(text)),
      [],
    );
  });

  for (const [index, right] of rights.entries()) {
    await t.test(`without a right: ${right.text}`, async () => {
      await allow(
        stage,
        roles,
        rights.filter((one) => one !== right),
      );
      await stage.kubectl('delete leases --all');
      if (right.text !== 'create leases') await stage.kubectl('create -f -', freeLeases());
      const meshtrust = await start();
      const name = `without-${index}.test`;
      try {
        await putToUse(stage, name);
        const line = await meshtrust.logged('the forbidden request', isForbidden, 20_000);
        const [verb = '', resource = ''] = right.text.split(' ');
        const said = JSON.stringify(line);
        assert.match(said, new RegExp(`cannot ${verb} resource`), 'the API server reports the verb');
        assert.ok(said.includes(resource.split('/')[0] ?? ''), said);
        await losses[right.text]?.({ stage, meshtrust, name });
      } finally {
        await meshtrust.stop();
        await allow(stage, roles, rights);
      }
    });
  }
});
