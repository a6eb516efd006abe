import { execFile } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { auditLog, auditPolicy, readAuditLog } from './audit-log.ts';
import type { AskedFor } from './audit-log.ts';
import { makeCa, makeLeaf } from './certificates.ts';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import { findTool } from './find-tool.ts';
import { freePort } from './free-port.ts';
import type { MissingTool } from './missing-tool.ts';
import { poll } from './poll.ts';
import { makeTempDir } from './temp-dir.ts';
import { kubeconfigOf } from './kubeconfig.ts';

/** The programs of a cluster. */
const programs = ['kube-apiserver', 'kubectl', 'etcd'] as const;
type Program = (typeof programs)[number];

/** The paths of the programs of a cluster, or the reason why one is missing. */
export type FoundKubernetes =
  { readonly kind: 'found'; readonly paths: Readonly<Record<Program, string>> } | MissingTool;

const run = promisify(execFile);

/**
 * Looks for kube-apiserver, kubectl and etcd: in the folder that `KUBEBUILDER_ASSETS` names, on the PATH, or installed.
 * @throws {Error} as `findTool` does.
 */
export async function findKubernetes(): Promise<FoundKubernetes> {
  const paths: Partial<Record<Program, string>> = {};
  for (const name of programs) {
    const found = await findTool(name, { folderVariable: 'KUBEBUILDER_ASSETS', onPath: name });
    if (found.kind === 'missing') return found;
    paths[name] = found.path;
  }
  return { kind: 'found', paths: paths as Record<Program, string> };
}

/** The output of a kubectl command. */
export interface KubectlResult {
  readonly stdout: string;
  readonly stderr: string;
}

/** An API server with its own store, on loopback, with RBAC. No other controllers run. */
export interface Kubernetes extends AsyncDisposable {
  readonly server: string;
  /** The kubeconfig of an administrator. */
  readonly kubeconfig: string;
  /**
   * Runs kubectl as administrator; `input` is its standard input.
   * @throws {Error} with what it printed when it fails.
   */
  readonly kubectl: (args: readonly string[], input?: string) => Promise<KubectlResult>;
  /** Writes a kubeconfig whose token is in a separate file, and returns both paths. */
  readonly writeKubeconfig: (
    name: string,
    token: string,
  ) => Promise<{ readonly kubeconfig: string; readonly tokenFile: string }>;
  /** Writes a file that lives as long as the cluster, and returns its path. */
  readonly writeFile: (name: string, text: string) => Promise<string>;
  /** A token of a service account (`namespace`, `name`), made by the API server. */
  readonly tokenOf: (namespace: string, name: string) => Promise<string>;
  /**
   * Returns a token with other claims, which the key of the API server has signed. A claim of `undefined` is removed.
   */
  readonly changeToken: (token: string, claims: Readonly<Record<string, unknown>>) => Promise<string>;
  /** Makes the API server sign tokens with a new key from its next start on. It still accepts those of the old keys. */
  readonly rotateKey: () => Promise<void>;
  /** Stops the API server but not etcd. The port stays reserved. */
  readonly stopServer: () => Promise<void>;
  /** Starts the API server again and waits until it is ready. */
  readonly startServer: () => Promise<void>;
  /** Compacts etcd to the newest version of its keys. Returns the oldest remaining revision. */
  readonly compact: () => Promise<number>;
  /** Returns the requests of service accounts so far, in order, and whether each was allowed (the audit log). */
  readonly asked: () => Promise<readonly AskedFor[]>;
  /** Returns the paths of their requests that are about no object, such as `/openid/v1/jwks`. */
  readonly askedPaths: () => Promise<readonly string[]>;
  /** Returns the same, and also requests about no object, with the path as the resource. */
  readonly requests: () => Promise<readonly AskedFor[]>;
}

export interface KubernetesOptions {
  /** Whether the API server is started; true by default. etcd always is. */
  readonly start?: boolean;
}

/**
 * Starts etcd and an API server, and waits until the latter is ready.
 * @throws {Error} with their output when one of them ends, or is not ready within a minute.
 */
export async function startKubernetes(
  paths: Readonly<Record<Program, string>>,
  { start = true }: KubernetesOptions = {},
): Promise<Kubernetes> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const files = await writeCredentials(dir.path);
  const [clientPort, peerPort, port] = [await freePort(), await freePort(), await freePort()];
  const etcdUrl = `http://127.0.0.1:${clientPort}`;
  const etcd = stack.use(await startEtcd(paths.etcd, dir.join('etcd'), etcdUrl, peerPort));
  await untilHealthy('etcd', etcd, `${etcdUrl}/health`);

  const server = `https://127.0.0.1:${port}`;
  const kubeconfig = dir.join('admin.kubeconfig');
  await writeFile(
    kubeconfig,
    kubeconfigFor(server, files.ca, { 'client-certificate': files.adminCert, 'client-key': files.adminKey }),
  );
  const kubectl: Kubernetes['kubectl'] = async (args, input) => {
    const running = run(paths.kubectl, ['--kubeconfig', kubeconfig, ...args], {
      timeout: 60_000,
      maxBuffer: 64 * 1024 * 1024,
      env: { ...process.env, HOME: dir.path },
    });
    running.child.stdin?.end(input ?? '');
    return running;
  };
  const accountsKeys = [files.accountsKey];
  let apiServer: Child | undefined;
  stack.defer(() => apiServer?.[Symbol.asyncDispose]());
  const startServer = async (): Promise<void> => {
    const child = await startChild(
      paths['kube-apiserver'],
      apiServerArguments({ ...files, accountsKeys }, etcdUrl, port, dir.path),
    );
    apiServer = child;
    await poll(
      'the API server to be ready',
      async () => {
        if (child.exited() !== undefined) throw new Error(`kube-apiserver ended:\n${child.stderr()}`);
        return kubectl(['get', '--raw', '/readyz']).then(
          () => true,
          () => undefined,
        );
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );
  };
  if (start) await startServer();
  const requests: Kubernetes['requests'] = async () =>
    readAuditLog(await readFile(join(dir.path, auditLog), 'utf8'));
  const owned = stack.move();
  return {
    server,
    kubeconfig,
    kubectl,
    writeKubeconfig: async (name, token) => {
      const [path, tokenFile] = [dir.join(`${name}.kubeconfig`), dir.join(`${name}.token`)];
      await writeFile(tokenFile, token);
      const provider = { name: 'tokenFile', config: { tokenFile } };
      await writeFile(path, kubeconfigFor(server, files.ca, { 'auth-provider': provider }));
      return { kubeconfig: path, tokenFile };
    },
    writeFile: async (name, text) => {
      await writeFile(dir.join(name), text);
      return dir.join(name);
    },
    tokenOf: async (namespace, name) =>
      (await kubectl(['create', 'token', name, '--namespace', namespace])).stdout.trim(),
    changeToken: async (token, claims) =>
      changeToken(token, claims, await readFile(accountsKeys[0] ?? '', 'utf8')),
    rotateKey: async () => {
      const path = dir.join(`accounts-${accountsKeys.length}.key`);
      await writeFile(path, accountsKeyPem(), { mode: 0o600 });
      accountsKeys.unshift(path);
    },
    stopServer: async () => {
      await apiServer?.stop('SIGKILL');
    },
    startServer,
    compact: () => compactEtcd(etcdUrl),
    asked: async () => (await requests()).filter((one) => !isPath(one)),
    askedPaths: async () => (await requests()).filter(isPath).map(({ resource }) => resource),
    requests,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** True for a request that is about no object. */
const isPath = ({ resource }: AskedFor): boolean => resource.startsWith('/');

function changeToken(token: string, changes: Readonly<Record<string, unknown>>, keyPem: string): string {
  const [header = '', body = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as object;
  const changed = Buffer.from(JSON.stringify({ ...claims, ...changes })).toString('base64url');
  const signature = sign('sha256', Buffer.from(`${header}.${changed}`), keyPem);
  return `${header}.${changed}.${signature.toString('base64url')}`;
}

interface CredentialFiles {
  readonly ca: string;
  readonly servingCert: string;
  readonly servingKey: string;
  readonly adminCert: string;
  readonly adminKey: string;
  readonly accountsKey: string;
  readonly auditPolicy: string;
}

async function writeCredentials(dir: string): Promise<CredentialFiles> {
  const ca = makeCa({ commonName: 'cluster' });
  const serving = makeLeaf(ca, { commonName: 'kube-apiserver', dnsNames: ['localhost'] });
  const admin = makeLeaf(ca, {
    subject: [
      ['O', 'system:masters'],
      ['CN', 'admin'],
    ],
  });
  const write = async (name: string, text: string | Buffer): Promise<string> => {
    await writeFile(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  return {
    ca: await write('ca.crt', ca.certPem),
    servingCert: await write('serving.crt', serving.certPem),
    servingKey: await write('serving.key', serving.keyPem),
    adminCert: await write('admin.crt', admin.certPem),
    adminKey: await write('admin.key', admin.keyPem),
    accountsKey: await write('accounts.key', accountsKeyPem()),
    auditPolicy: await write('audit-policy.json', JSON.stringify(auditPolicy)),
  };
}

/** Returns a new key for the tokens of service accounts. */
function accountsKeyPem(): string | Buffer {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}

/** Returns a kubeconfig. The API server's certificate has only the name localhost. */
function kubeconfigFor(server: string, ca: string, user: Readonly<Record<string, unknown>>): string {
  return kubeconfigOf({ server, 'certificate-authority': ca, 'tls-server-name': 'localhost' }, user);
}

function startEtcd(path: string, dataDir: string, url: string, peerPort: number): Promise<Child> {
  return startChild(path, [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
    '--logger=zap',
    '--log-level=warn',
  ]);
}

/** Compacts etcd to its newest revision (its JSON gateway, as etcdctl does by gRPC). */
async function compactEtcd(url: string): Promise<number> {
  const ask = async (path: string, body: object): Promise<unknown> => {
    const answer = await fetch(`${url}/v3/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`etcd answers ${answer.status}: ${await answer.text()}`);
    return answer.json();
  };
  const key = Buffer.from('/').toString('base64');
  const { header } = (await ask('kv/range', { key })) as { readonly header: { readonly revision: string } };
  await ask('kv/compaction', { revision: header.revision, physical: true });
  return Number(header.revision);
}

async function untilHealthy(what: string, child: Child, url: string): Promise<void> {
  await poll(
    `${what} to be healthy`,
    async () => {
      if (child.exited() !== undefined) throw new Error(`${what} ended:\n${child.stderr()}`);
      return fetch(url).then(
        (answer) => (answer.ok ? true : undefined),
        () => undefined,
      );
    },
    { timeoutMs: 60_000 },
  );
}

function apiServerArguments(
  files: CredentialFiles & { readonly accountsKeys: readonly string[] },
  etcd: string,
  port: number,
  dir: string,
): readonly string[] {
  const issuer = 'https://kubernetes.default.svc';
  return [
    `--etcd-servers=${etcd}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    `--cert-dir=${dir}`,
    `--tls-cert-file=${files.servingCert}`,
    `--tls-private-key-file=${files.servingKey}`,
    `--client-ca-file=${files.ca}`,
    `--service-account-issuer=${issuer}`,
    ...files.accountsKeys.map((key) => `--service-account-key-file=${key}`),
    `--service-account-signing-key-file=${files.accountsKeys[0]}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    '--authorization-mode=RBAC',
    // Otherwise the API server would write endpoints for its Service, which it refuses to do for loopback.
    '--endpoint-reconciler-type=none',
    '--profiling=false',
    `--audit-policy-file=${files.auditPolicy}`,
    `--audit-log-path=${join(dir, auditLog)}`,
  ];
}
