import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';

import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import type { ApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { callApi } from '../../../src/kubernetes/client/call-api.ts';
import type { ApiReply } from '../../../src/kubernetes/client/call-api.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { makeLeaf } from '../../kit/certificates.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import type { TempDir } from '../../kit/temp-dir.ts';
import { ca, startEchoServer, writeKubeConfig } from './echo-server.ts';

const { signal } = new AbortController();
/** Writes a kubeconfig whose files have relative names, and returns a client that uses it. */
async function clientOf(t: TestContext, dir: TempDir, url: string, user: object): Promise<ApiClient> {
  const config = await writeKubeConfig(dir, url, user);
  const client = createApiClient(() => loadKubeConfig(config));
  t.after(() => client.close());
  return client;
}

async function seen(client: ApiClient): Promise<unknown> {
  const reply: ApiReply = await callApi(client, '/version', signal);
  return reply.kind === 'answered' ? reply.object : reply.reason;
}

const withCertificate = { 'client-certificate': 'tls.crt', 'client-key': 'tls.key' };
/** The ways to name a token file: a service account's, client-node's and kubectl's. */
const tokenFiles = {
  'auth-provider tokenFile': (path: string) => ({
    'auth-provider': { name: 'tokenFile', config: { tokenFile: path } },
  }),
  'token-file': (path: string) => ({ 'token-file': path }),
  tokenFile: (path: string) => ({ tokenFile: path }),
};

suite('files that a kubeconfig names', () => {
  test('certificate, key and CA: are used, and read again for each request', async (t) => {
    await using dir = await makeTempDir();
    const client = await clientOf(t, dir, await startEchoServer(t), withCertificate);
    assert.deepEqual(await seen(client), { client: 'replica' });
    const other = makeLeaf(ca, { commonName: 'renewed' });
    await writeFile(dir.join('tls.crt'), other.certPem);
    await writeFile(dir.join('tls.key'), other.keyPem);
    assert.deepEqual(await seen(client), { client: 'renewed' });
  });

  for (const [name, userOf] of Object.entries(tokenFiles)) {
    test(`${name}: the token is sent without its line break, and read again for each request`, async (t) => {
      await using dir = await makeTempDir();
      const client = await clientOf(t, dir, await startEchoServer(t), userOf(dir.join('token')));
      assert.deepEqual(await seen(client), { authorization: 'Bearer first' });
      await writeFile(dir.join('token'), 'second');
      assert.deepEqual(await seen(client), { authorization: 'Bearer second' });
      await writeFile(dir.join('token'), '');
      assert.equal(await seen(client), `token file: ${dir.join('token')} contains no token`);
    });
  }

  test('token in the kubeconfig: has precedence over a token file', async (t) => {
    await using dir = await makeTempDir();
    const user = { token: 'inline', ...tokenFiles['auth-provider tokenFile'](dir.join('nowhere')) };
    const client = await clientOf(t, dir, await startEchoServer(t), user);
    assert.deepEqual(await seen(client), { authorization: 'Bearer inline' });
  });

  for (const [file, label] of [
    ['ca.crt', 'certificate-authority'],
    ['tls.crt', 'client-certificate'],
    ['tls.key', 'client-key'],
    ['token', 'token file'],
  ] as const) {
    test(`${label} replaced by a named pipe: the request fails at once, and its error names the file`, async (t) => {
      await using dir = await makeTempDir();
      const user = { ...withCertificate, ...tokenFiles.tokenFile('token') };
      const client = await clientOf(t, dir, await startEchoServer(t), user);
      const usual = { authorization: 'Bearer first', client: 'replica' };
      assert.deepEqual(await seen(client), usual);
      execFileSync('mkfifo', [dir.join('pipe')]);
      await rename(dir.join(file), dir.join('kept'));
      await rename(dir.join('pipe'), dir.join(file));
      // More requests than Node.js has file system threads.
      for (let round = 0; round < 6; round += 1)
        assert.equal(await seen(client), `${label}: ${dir.join(file)} is not a regular file`);
      await rename(dir.join('kept'), dir.join(file));
      assert.deepEqual(await seen(client), usual);
    });
  }

  for (const [name, userOf] of Object.entries(tokenFiles)) {
    test(`${name} is a named pipe at the start: the kubeconfig is loaded, and the request fails`, async (t) => {
      await using dir = await makeTempDir();
      execFileSync('mkfifo', [dir.join('pipe')]);
      const client = await clientOf(t, dir, 'https://localhost:1', userOf(dir.join('pipe')));
      assert.equal(await seen(client), `token file: ${dir.join('pipe')} is not a regular file`);
    });
  }

  test('missing file: the request fails, and its error names the file', async (t) => {
    await using dir = await makeTempDir();
    const user = { ...withCertificate, 'client-key': 'nowhere' };
    const client = await clientOf(t, dir, 'https://localhost:1', user);
    assert.equal(await seen(client), `client-key: ${dir.join('nowhere')}: no such file or directory`);
  });
});

suite('credential plugin that hangs', () => {
  test('requests: fail in time, while one plugin runs; the next one starts when it has ended', async (t) => {
    await using dir = await makeTempDir();
    const log = dir.join('started');
    const started = async (): Promise<readonly number[]> =>
      (await readFile(log, 'utf8').catch(() => '')).split('\n').filter(Boolean).map(Number);
    const args = ['-c', `echo $$ >> ${log}; exec sleep 60`];
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args };
    const client = await clientOf(t, dir, 'https://localhost:1', { exec });
    const ask = async (): Promise<unknown> => {
      const reply = await callApi(client, '/version', signal, 20);
      return reply.kind === 'unreachable' ? reply.reason : reply;
    };
    await using _ = {
      [Symbol.asyncDispose]: async () => {
        for (const pid of await started()) kill(pid);
      },
    };
    const late = 'the kubeconfig provided no credentials in time';
    for (let round = 0; round < 3; round += 1) assert.equal(await ask(), late);
    const [first = 0] = await poll('the plugin', async () =>
      (await started()).length > 0 ? started() : undefined,
    );
    assert.equal((await started()).length, 1);
    kill(first);
    await poll('the next plugin', async () => {
      assert.equal(await ask(), late);
      return (await started()).length === 2 ? true : undefined;
    });
  });
});

/** Ends a process of this test, unless it has ended. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
  }
}

suite('loading a kubeconfig', () => {
  test('broken YAML: the error contains the line, but not the text', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('config'), 'users:\n- name: u\n  user: {token: s3cret, *gone}\n');
    assert.throws(() => loadKubeConfig(dir.join('config')), {
      message: `the kubeconfig ${dir.join('config')} is not valid YAML (line 3)`,
    });
  });

  test('empty file, and user without a name: the error names the file', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('empty'), '# nothing\n');
    assert.throws(
      () => loadKubeConfig(dir.join('empty')),
      /the kubeconfig .*empty is not (valid YAML|a mapping)/,
    );
    await writeFile(dir.join('config'), 'users:\n- user: {}\n');
    assert.throws(() => loadKubeConfig(dir.join('config')), /config cannot be used: users\[0\]\.name is mis/);
  });

  test('several files in KUBECONFIG: are merged', async () => {
    await using dir = await makeTempDir();
    await writeFile(dir.join('a'), 'clusters: [{name: c, cluster: {server: "https://a"}}]\n');
    await writeFile(
      dir.join('b'),
      'contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\nusers: [{name: u, user: {token: t}}]\n',
    );
    const config = loadKubeConfig(undefined, { KUBECONFIG: `${dir.join('a')}::${dir.join('b')}` });
    assert.equal(config.getCurrentCluster()?.server, 'https://a');
    assert.equal(config.getCurrentUser()?.token, 't');
  });

  const cluster = (name: string, server: string): string =>
    `clusters: [{name: ${name}, cluster: {server: "${server}"}}]\n`;
  const context = (name: string, of: string): string =>
    `contexts: [{name: ${name}, context: {cluster: ${of}, user: u}}]\n`;
  const lists: readonly {
    readonly title: string;
    readonly files: readonly (string | undefined)[];
    readonly server: string;
  }[] = [
    {
      title: 'a current context in each: that of the first counts',
      files: [
        `${cluster('a', 'https://a')}${context('x', 'a')}current-context: x\n`,
        `${cluster('b', 'https://b')}${context('y', 'b')}current-context: y\n`,
      ],
      server: 'https://a',
    },
    {
      title: 'an empty current context in the first: that of the second counts',
      files: [
        `${cluster('a', 'https://a')}${context('x', 'a')}current-context: ""\n`,
        `${cluster('b', 'https://b')}${context('y', 'b')}current-context: y\n`,
      ],
      server: 'https://b',
    },
    {
      title: 'two clusters and contexts of one name: those of the first count',
      files: [
        `${cluster('c', 'https://a')}${context('x', 'c')}current-context: x\n`,
        `${cluster('c', 'https://b')}${context('x', 'other')}users: [{name: u, user: {}}]\n`,
      ],
      server: 'https://a',
    },
    {
      title: 'a file that does not exist: is skipped',
      files: [undefined, `${cluster('a', 'https://a')}${context('x', 'a')}current-context: x\n`],
      server: 'https://a',
    },
  ];
  for (const { title, files, server } of lists)
    test(`files in KUBECONFIG, ${title}, as in kubectl`, async () => {
      await using dir = await makeTempDir();
      const paths = files.map((_, index) => dir.join(String(index)));
      for (const [index, text] of files.entries())
        if (text !== undefined) await writeFile(dir.join(String(index)), text);
      const config = loadKubeConfig(undefined, { KUBECONFIG: paths.join(':') });
      assert.equal(config.getCurrentCluster()?.server, server);
    });

  for (const [likeKubectl, server] of [
    [false, 'https://10.0.0.1:443'],
    [true, 'https://a'],
  ] as const)
    test(`pod with a service account and ~/.kube/config${likeKubectl ? ', for the plugin of kubectl' : ''}: ${server}`, async (t) => {
      await using dir = await makeTempDir();
      await mkdir(dir.join('.kube'));
      await writeFile(
        dir.join('.kube/config'),
        `${cluster('a', 'https://a')}${context('x', 'a')}current-context: x\n`,
      );
      await writeFile(dir.join('token'), 'token');
      const address = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
      // client-node reads it from the process.
      for (const [name, value] of Object.entries(address)) {
        process.env[name] = value;
        t.after(() => delete process.env[name]);
      }
      const env = { HOME: dir.path, ...address };
      const config = loadKubeConfig(undefined, env, undefined, { likeKubectl, tokenFile: dir.join('token') });
      assert.equal(config.getCurrentCluster()?.server, server);
    });

  test('files in KUBECONFIG, none of which exists: the error names the first', async () => {
    await using dir = await makeTempDir();
    const paths = [dir.join('a'), dir.join('b')];
    assert.throws(() => loadKubeConfig(undefined, { KUBECONFIG: paths.join(':') }), {
      message: new RegExp(`the kubeconfig cannot be read: .*${dir.join('a')}`),
    });
  });
});
