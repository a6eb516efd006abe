import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { symlink } from 'node:fs/promises';
import { delimiter, dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { version } from '../../../src/cli/terminal/version.ts';
import { findKubernetes, startKubernetes } from '../../kit/kubernetes.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';

const found = await findKubernetes();
const skip = found.kind === 'missing' ? found.reason : false;
const execute = promisify(execFile);
const plugin = fileURLToPath(new URL('../../../bin/kubectl-meshtrust.js', import.meta.url));
const completion = fileURLToPath(new URL('../../../bin/kubectl_complete-meshtrust.js', import.meta.url));

test("kubectl plugin: is found, and uses kubectl's cluster", { skip, timeout: 120_000 }, async () => {
  assert.ok(found.kind === 'found');
  await using cluster = await startKubernetes(found.paths);
  await using dir = await makeTempDir();
  // npm installs them like this: links with the names of the plugin.
  await symlink(plugin, dir.join('kubectl-meshtrust'));
  await symlink(completion, dir.join('kubectl_complete-meshtrust'));
  await symlink(found.paths.kubectl, dir.join('kubectl'));
  const path = [dir.path, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
  const env = { PATH: path, HOME: dir.path, KUBECONFIG: cluster.kubeconfig };
  const kubectl = (...args: readonly string[]) => execute(dir.join('kubectl'), args, { env });

  const { stdout: list } = await kubectl('plugin', 'list');
  assert.ok(list.split('\n').includes(dir.join('kubectl-meshtrust')), list);
  assert.equal((await kubectl('meshtrust', '--version')).stdout, `${version}\n`);
  // The call of kubectl's completion script.
  const completed = await kubectl('__complete', 'meshtrust', 'guard', 're');
  assert.match(completed.stdout, /^release\t[^\n]+\n:4\n/);

  const check = async (...args: readonly string[]): Promise<{ code: unknown; stderr: string }> =>
    kubectl('meshtrust', 'check', ...args).then(
      ({ stderr }) => ({ code: 0, stderr }),
      (error: unknown) => error as { code: unknown; stderr: string },
    );
  const none = await check('--namespace', 'default');
  assert.equal(none.code, 3);
  assert.match(none.stderr, /no running pod has the label app\.kubernetes\.io\/name=meshtrust/);

  // Without a kubelet no pod runs, so kubectl cannot forward a port. Its error shows that it tried.
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'meshtrust-0', labels: { 'app.kubernetes.io/name': 'meshtrust' } },
    spec: {
      automountServiceAccountToken: false,
      containers: [{ name: 'meshtrust', image: 'meshtrust.invalid/meshtrust' }],
    },
  };
  await cluster
    .kubectl(['create', 'serviceaccount', 'default', '--namespace=default'])
    .catch(() => undefined);
  await cluster.kubectl(['apply', '--namespace=default', '--filename=-'], JSON.stringify(pod));
  const status = JSON.stringify({ status: { phase: 'Running' } });
  await cluster.kubectl([
    'patch',
    'pod',
    'meshtrust-0',
    '--subresource=status',
    '--type=merge',
    '-p',
    status,
  ]);
  const stopped = await check();
  assert.equal(stopped.code, 3);
  assert.match(stopped.stderr, /^error: kubectl: .+$/m);
  assert.doesNotMatch(stopped.stderr, /no running pod/);
});
