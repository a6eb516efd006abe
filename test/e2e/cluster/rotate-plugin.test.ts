import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { makeCa } from '../../kit/certificates.ts';
import { makeDomain } from '../../kit/domain.ts';
import { makeOldCa, shortLeaves } from '../../kit/rotate-commands.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { findCluster, meshTrust, namespace, skip, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

const execute = promisify(execFile);
const plugin = fileURLToPath(new URL('../../../bin/kubectl-meshtrust.js', import.meta.url));

interface MeshTrustObject {
  readonly metadata: {
    readonly generation: number;
    readonly annotations: Readonly<Record<string, string>>;
    readonly managedFields: readonly { readonly manager: string }[];
  };
  readonly spec: { readonly caBundles: readonly unknown[] };
}

interface Outcome {
  readonly code: number;
  readonly stderr: string;
}

async function objectIn(stage: Stage): Promise<MeshTrustObject> {
  const text = await stage.kubectl('get mtrust rotating.test -o json --show-managed-fields');
  return JSON.parse(text) as MeshTrustObject;
}

/** Returns what a rotation changes. The server itself writes the status meanwhile. */
function editable({ metadata, spec }: MeshTrustObject): unknown {
  return { generation: metadata.generation, annotations: metadata.annotations, spec };
}

/** Gives the service account `operator` these rights, and no others. */
async function allow(stage: Stage, ...verbs: readonly string[]): Promise<void> {
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'operator' } };
  const rules = [{ apiGroups: ['kuma.io'], resources: ['meshtrusts'], verbs }];
  await stage.kubectl('apply -f -', JSON.stringify({ ...role, rules }));
  // The API server follows roles by a watch, so a changed role applies a moment later.
  for (const verb of ['get', 'list', 'patch'])
    await poll(
      `the right to ${verb} MeshTrusts to be ${verbs.includes(verb) ? 'given' : 'withdrawn'}`,
      async () => (await may(stage, verb)) === verbs.includes(verb) || undefined,
    );
}

function may(stage: Stage, verb: string): Promise<boolean> {
  const account = `system:serviceaccount:${namespace}:operator`;
  return stage.kubectl(`auth can-i ${verb} meshtrusts.kuma.io -n ${namespace} --as=${account}`).then(
    (answer) => answer.trim() === 'yes',
    () => false,
  );
}

test(
  'kubectl meshtrust rotate --apply: a whole rotation, with the rights that the documentation names',
  { skip, timeout: 120_000 },
  async (t) => {
    const old = makeOldCa();
    await using dir = await makeTempDir();
    await writeFile(dir.join('old.pem'), old.certPem);
    await writeFile(dir.join('new.pem'), makeCa({ commonName: 'New' }).certPem);
    await using stage = await startStage();
    await stage.kubectl('apply -f -', meshTrust(makeDomain('rotating.test', old)));
    await stage.kubectl('annotate mtrust rotating.test team=blue');
    await stage.kubectl('create serviceaccount operator');
    await stage.kubectl(`create rolebinding operator --role=operator --serviceaccount=${namespace}:operator`);
    const { kubeconfig } = await stage.cluster.writeKubeconfig(
      'operator',
      await stage.cluster.tokenOf(namespace, 'operator'),
    );
    const meshtrust = await stage.meshtrust();

    // As kubectl finds it: a program with this name on the path.
    await symlink(plugin, dir.join('kubectl-meshtrust'));
    await symlink(findCluster().kubectl, dir.join('kubectl'));
    const path = [dir.path, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
    const env = { PATH: path, HOME: dir.path, KUBECONFIG: kubeconfig };
    const rotate = (command: string, ...args: readonly string[]): Promise<Outcome> => {
      const server = `--server=http://127.0.0.1:${meshtrust.adminPort}`;
      // No proxy is connected, and the server has just started.
      const options = [server, '--proxies=0', '--disconnect-window=0', '--clock-skew=0', ...args];
      return execute(dir.join('kubectl'), ['meshtrust', 'rotate', command, ...options], { env }).then(
        ({ stderr }) => ({ code: 0, stderr }),
        (error: unknown) => error as Outcome,
      );
    };
    const expect = async (code: number, outcome: Promise<Outcome>): Promise<string> => {
      const found = await outcome;
      assert.equal(found.code, code, found.stderr);
      return found.stderr;
    };
    const pair = ['--old', dir.join('old.pem'), '--new', dir.join('new.pem'), shortLeaves];

    await t.test('without a right: is refused by the API server, and nothing is changed', async () => {
      const before = editable(await objectIn(stage));
      await allow(stage, 'get');
      assert.match(
        await expect(1, rotate('start', ...pair, '--apply')),
        /MeshTrusts cannot be listed: .*403/,
      );
      for (const verbs of [['list'], ['get', 'list']]) {
        await allow(stage, ...verbs);
        const refusal = await expect(1, rotate('start', ...pair, '--apply'));
        assert.match(
          refusal,
          /kubernetes:kuma-system\/rotating\.test cannot be changed: .*403/,
          verbs.join(),
        );
      }
      assert.deepEqual(editable(await objectIn(stage)), before);
    });

    await allow(stage, 'get', 'list', 'patch');
    await t.test('start: adds the CA and the annotations, in the name of the command', async () => {
      const next = await expect(0, rotate('start', ...pair, '--apply'));
      assert.match(next, /kubernetes:kuma-system\/rotating\.test: patched; next: meshtrust rotate wait/);
      const { metadata, spec } = await objectIn(stage);
      assert.equal(spec.caBundles.length, 2);
      assert.equal(metadata.annotations['meshtrust.io/rotation-leaf-ttl'], '1s');
      assert.ok(metadata.managedFields.some(({ manager }) => manager === 'meshtrust-rotate'));
      await expect(0, rotate('wait', '--for=introduced', '--timeout=30s'));
    });

    await t.test('switched: changes annotations alone', async () => {
      const before = await objectIn(stage);
      await expect(0, rotate('switched', '--apply'));
      const after = await objectIn(stage);
      assert.deepEqual(after.spec, before.spec);
      assert.equal(after.metadata.generation, before.metadata.generation);
      const { 'meshtrust.io/rotation-switched-at': at, ...others } = after.metadata.annotations;
      assert.deepEqual(others, before.metadata.annotations);
      assert.ok(at !== undefined && at >= (others['meshtrust.io/rotation-started-at'] ?? ''));
    });

    await t.test('finish: removes the old CA, then the annotations, and keeps those of others', async () => {
      await expect(0, rotate('wait', '--for=removable', '--timeout=30s'));
      await expect(0, rotate('finish', '--apply'));
      assert.equal((await objectIn(stage)).spec.caBundles.length, 1);
      await expect(0, rotate('wait', '--for=steady', '--timeout=30s'));
      await expect(0, rotate('finish', '--clean', '--apply'));
      const { annotations } = (await objectIn(stage)).metadata;
      assert.equal(annotations['team'], 'blue');
      assert.ok(!JSON.stringify(annotations).includes('meshtrust.io/rotation'));
    });
  },
);
