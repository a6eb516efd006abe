import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { PassThrough, Writable } from 'node:stream';
import { suite, test } from 'node:test';
import { splitKubectlArguments } from '../../src/cli/kubectl/kubectl-arguments.ts';
import { runKubectlPlugin } from '../../src/cli/kubectl-plugin.ts';
import { version } from '../../src/cli/terminal/version.ts';
import { makeCa } from '../kit/certificates.ts';
import { meshTrustYaml } from '../kit/mesh-trust-text.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { streamOf } from '../fleet/scene.ts';
import { fakeKubectl } from './fake-kubectl.ts';
import { run } from './run.ts';
import { wholeServer } from './whole-server.ts';

const resource = { name: 'a', trustDomain: 'a.test', pems: [makeCa({ commonName: 'A' }).certPem] };
const never = new AbortController().signal;
const portOf = (url: string): number => Number(new URL(url).port);

function plugin(args: readonly string[], env: Readonly<Record<string, string>>, signal: AbortSignal = never) {
  return run(args, env, signal, runKubectlPlugin);
}

suite('kubectl meshtrust', () => {
  test('several pods: each is asked through a forwarded port, and the forwarding ends with the command', async () => {
    await using one = await wholeServer([resource], version);
    await using two = await wholeServer([resource], version);
    one.proxies.asks(streamOf(1, 'proxy-of-one'));
    two.proxies.asks(streamOf(2, 'proxy-of-two'));
    await using kubectl = await fakeKubectl([
      { name: 'meshtrust-1', port: portOf(one.url) },
      { name: 'meshtrust-2', port: portOf(two.url) },
      { name: 'meshtrust-gone', deletionTimestamp: '2026-01-01T00:00:00Z' },
    ]);
    const args = ['ps', '-n', 'mesh', '--context=blue', '--kubeconfig', '/k'];
    const { code, stdout, stderr } = await plugin(args, kubectl.env);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^proxy-of-one .* pod\/meshtrust-1 /m);
    assert.match(stdout, /^proxy-of-two .* pod\/meshtrust-2 /m);
    assert.match(stderr, /^pod\/meshtrust-1 in namespace mesh: forwarded to http:\/\/127\.0\.0\.1:\d+$/m);
    assert.match(stderr, /^2 proxies: 2 pending$/m);
    const [list, ...others] = await kubectl.calls();
    const cluster = '--context=blue --kubeconfig=/k';
    assert.equal(
      list,
      `--namespace=mesh ${cluster} get pods --selector=app.kubernetes.io/name=meshtrust --field-selector=status.phase=Running --output=json`,
    );
    assert.deepEqual(others.toSorted(), [
      `${cluster} port-forward --namespace=mesh --address=127.0.0.1 pod/meshtrust-1 :5680`,
      `${cluster} port-forward --namespace=mesh --address=127.0.0.1 pod/meshtrust-2 :5680`,
      'ended meshtrust-1',
      'ended meshtrust-2',
    ]);
  });

  test('stdout: only the data of the program', async () => {
    await using server = await wholeServer([resource], version);
    await using kubectl = await fakeKubectl([{ name: 'm', port: portOf(server.url) }]);
    const [there, here] = [
      await plugin(['bundle', '--format=pem'], kubectl.env),
      await run(['bundle', '--format=pem', `--server=${server.url}`]),
    ];
    assert.deepEqual([there.code, there.stdout], [0, here.stdout]);
    const check = await plugin(['check'], kubectl.env);
    assert.equal(check.code, 0);
    assert.match(check.stdout, /^pod\/m\n-{5}\n/);
  });

  test('failure or interruption: ends the forwarding', async () => {
    await using server = await wholeServer([resource], version);
    await using kubectl = await fakeKubectl([{ name: 'm', port: portOf(server.url) }]);
    const unknown = await plugin(['ps', 'nobody'], kubectl.env);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /proxy nobody: not connected to pod\/m/);
    assert.equal((await kubectl.calls()).at(-1), 'ended m');
    server.proxies.asks(streamOf(1, 'slow'));
    const stop = new AbortController();
    // The command has begun to wait for a proxy when it prints this.
    const stderr = new Writable({
      write: (chunk: Buffer, _, done) => {
        if (chunk.toString().startsWith('mesh default: 0 of 1')) stop.abort();
        done();
      },
    });
    const args = ['wait', '--mesh=default', '--timeout=60s'];
    const io = { args, env: kubectl.env, stdout: new PassThrough(), stderr, signal: stop.signal };
    assert.equal(await runKubectlPlugin(io), 1);
    assert.equal((await kubectl.calls()).filter((call) => call === 'ended m').length, 2);
  });

  test('a pod whose port cannot be forwarded: the others are asked, and the exit code is 3', async () => {
    await using server = await wholeServer([resource], version);
    await using kubectl = await fakeKubectl([
      { name: 'meshtrust-1' },
      { name: 'meshtrust-2', port: portOf(server.url) },
    ]);
    const { code, stdout } = await plugin(['check'], kubectl.env);
    assert.equal(code, 3);
    assert.match(stdout, /^pod\/meshtrust-1$/m);
    assert.match(
      stdout,
      /does not answer: kubectl: error: unable to forward port because pod is not running/,
    );
    assert.match(stdout, /^pod\/meshtrust-2$/m);
    const release = await plugin(['guard', 'release'], kubectl.env);
    assert.equal(release.code, 3);
    assert.match(
      release.stderr,
      /pod\/meshtrust-1: the server does not answer: kubectl: error: unable to forward/,
    );
  });

  test('kubectl is a script that starts another process: the command ends', async () => {
    await using server = await wholeServer([resource], version);
    await using kubectl = await fakeKubectl([{ name: 'm', port: portOf(server.url) }]);
    await using dir = await makeTempDir();
    // The shell does not end its child when it is ended.
    await writeFile(dir.join('kubectl'), `#!/bin/sh\n${kubectl.env.PATH}/kubectl "$@"\nexit $?\n`, {
      mode: 0o755,
    });
    const { code } = await plugin(['check'], { PATH: `${dir.path}:${process.env['PATH']}` });
    assert.equal(code, 0);
    await kubectl.endOrphans();
  });

  test('--server, or a command without a server: does not call kubectl', async () => {
    await using server = await wholeServer([resource], version);
    await using kubectl = await fakeKubectl([]);
    await using dir = await makeTempDir();
    await writeFile(dir.join('a.yaml'), meshTrustYaml(resource));
    const runs = [
      plugin(['ps', '--server', server.url], kubectl.env),
      plugin(['ps'], { ...kubectl.env, MESHTRUST_SERVER: server.url }),
      plugin(['bundle', dir.path], kubectl.env),
      plugin(['diff', dir.path, dir.path], kubectl.env),
      plugin(['--version'], kubectl.env),
      plugin(['completion', 'bash'], kubectl.env),
    ];
    for (const { code, stderr } of await Promise.all(runs)) assert.equal(code, 0, stderr);
    assert.deepEqual(await kubectl.calls(), []);
  });

  test('no pod, no port or no kubectl: exit 3 with the reason', async () => {
    await using none = await fakeKubectl([]);
    await using broken = await fakeKubectl([{ name: 'm' }]);
    const cases = [
      [none.env, /no running pod has the label app=x; give --namespace/],
      [broken.env, /kubectl: error: unable to forward port because pod is not running$/m],
      [{ PATH: '/nowhere' }, /kubectl: no such file or directory/],
    ] as const;
    for (const [env, sentence] of cases) {
      const { code, stdout, stderr } = await plugin(['check', '-l', 'app=x'], env);
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(stderr, sentence);
    }
  });

  for (const [what, args, file] of [
    ['--kubeconfig', ['--kubeconfig', '/nowhere/given'], '/nowhere/given'],
    ['the KUBECONFIG of kubectl', [], '/nowhere/kubectl'],
  ] as const)
    test(`MESHTRUST_KUBECONFIG: a command reads the cluster of ${what}, as its servers are found`, async () => {
      const env = { KUBECONFIG: '/nowhere/kubectl', MESHTRUST_KUBECONFIG: '/nowhere/variable' };
      const { code, stderr } = await plugin(['derive', '--kubernetes', ...args], env);
      assert.equal(code, 2);
      assert.ok(stderr.includes(file), stderr);
    });

  test('help: names its options and the name of the program', async () => {
    const { code, stdout } = await plugin(['--help'], {});
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: kubectl meshtrust \[options\] \[command\]\n/);
    assert.match(stdout, /-n, --namespace <name>/);
    assert.match((await plugin(['check', '--help'], {})).stdout, /^Usage: kubectl meshtrust check/);
    assert.doesNotMatch((await run(['--help'])).stdout, /kubectl|--namespace/);
  });
});

suite('the command line of the plugin', () => {
  const table: readonly (readonly [
    line: string,
    kubectl: readonly string[],
    rest: string,
    selector?: string,
    port?: string,
  ])[] = [
    ['check -o json', [], 'check -o json'],
    ['-n a check', ['--namespace=a'], 'check'],
    ['check -na', ['--namespace=a'], 'check'],
    ['check -n=a', ['--namespace=a'], 'check'],
    ['check --namespace=a --context b', ['--namespace=a', '--context=b'], 'check'],
    ['check --context b=c', ['--context=b=c'], 'check'],
    ['check -n a -n b', ['--namespace=b'], 'check'],
    ['ps node -l app=x --admin-port 1', [], 'ps node', 'app=x', '1'],
    ['ps -- -n a', [], 'ps -- -n a'],
    ['ps --mesh m -w', [], 'ps --mesh m -w'],
    ['bundle --node-id -n', [], 'bundle --node-id -n'],
    ['serve --kubeconfig k -n a', [], 'serve --kubeconfig k -n a'],
    ['--kubeconfig k ps', ['--kubeconfig=k'], 'ps'],
    ['--namespaces a ps', [], '--namespaces a ps'],
  ];
  for (const [line, kubectl, rest, selector = 'app.kubernetes.io/name=meshtrust', port = '5680'] of table) {
    test(`split: ${line}`, () =>
      assert.deepEqual(splitKubectlArguments(line.split(' ')), {
        kubectl,
        selector,
        port,
        rest: rest.split(' '),
      }));
  }
});
