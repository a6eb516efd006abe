import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Metadata, status } from '@grpc/grpc-js';
import { anonymousNode, typeUrls } from '../../src/xds/index.ts';
import type { PeerCertificate, XdsNode, XdsPeer } from '../../src/xds/index.ts';
import { createClient } from './client.ts';
import { ads } from './loopback/serving.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The examples of the document, with the library of this checkout. */
function examples(): readonly [whole: string, groupOf: string, authorize: string] {
  const document = readFileSync(join(root, 'docs/xds-library.md'), 'utf8');
  const entry = pathToFileURL(join(root, 'src/xds/index.ts')).href;
  const [whole, groupOf, authorize, ...more] = [...document.matchAll(/```ts\n([^]*?)```\n/g)].map(
    ([, code = '']) => code.replaceAll("'meshtrust-xds'", `'${entry}'`),
  );
  assert.ok(
    whole !== undefined && groupOf !== undefined && authorize !== undefined && more.length === 0,
    'three examples',
  );
  return [whole.replace('127.0.0.1:5678', '127.0.0.1:0'), groupOf, authorize];
}

/** Runs a program in a folder inside the checkout, so that its imports resolve. Its first line has the port. */
function start(code: string) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'library-doc-'));
  const file = join(folder, 'example.ts');
  writeFileSync(file, code);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.resume();
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => String((await lines.next()).value);
  return {
    child,
    line,
    port: async () => /^listening on (\d+)$/.exec(await line())?.[1] ?? assert.fail('no port'),
    [Symbol.dispose]: () => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true });
    },
  };
}

test('example of docs/xds-library.md: serves endpoints, logs ACKs and NACKs, and drains', async () => {
  const [code] = examples();
  using program = start(code);
  const { child, line } = program;
  using client = createClient(`127.0.0.1:${await program.port()}`);
  using stream = client.delta(ads.delta);
  const type = { type_url: typeUrls.clusterLoadAssignment };
  stream.send({ ...type, node: { id: 'proxy-1' }, resource_names_subscribe: ['one'] });
  const first = await stream.next();
  assert.equal(first.resources[0]?.name, 'one');
  assert.equal(first.control_plane?.identifier, 'my-control-plane');
  stream.send({ ...type, response_nonce: first.nonce, resource_names_subscribe: ['one', 'two'] });
  assert.equal(await line(), `proxy-1 has one ${first.resources[0]?.version}`);
  const second = await stream.next();
  const error = { code: 13, message: 'not these' };
  stream.send({ ...type, response_nonce: second.nonce, error_detail: error });
  assert.equal(await line(), 'proxy-1 refused one,two: not these');
  stream.send({ type_url: typeUrls.cluster });
  assert.deepEqual((await stream.next()).resources, []);
  child.kill('SIGTERM');
  stream.cancel();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

test('example of groupOf in docs/xds-library.md: a verified certificate, a header, the node and the address', async () => {
  const [, code] = examples();
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'library-doc-'));
  using _ = { [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  const file = join(folder, 'group-of.ts');
  writeFileSync(file, `${code}export { groupOf };\n`);
  const { groupOf } = (await import(pathToFileURL(file).href)) as {
    readonly groupOf: (node: XdsNode, peer: XdsPeer) => string;
  };
  const certificate = (subjectaltname: string, isVerified = true): PeerCertificate => ({
    subject: 'CN=proxy',
    subjectaltname,
    raw: new Uint8Array(),
    chain: [],
    isVerified,
  });
  const blue = 'URI:spiffe://example.org/team/blue';
  const cases: readonly (readonly [
    expected: string,
    peer: Partial<XdsPeer>,
    metadata?: XdsNode['metadata'],
  ])[] = [
    ['team/blue', { certificate: certificate(blue) }],
    ['public/unknown', { certificate: certificate(blue, false) }],
    ['public/unknown', { certificate: certificate(`DNS:a, ${blue}`) }],
    ['public/unknown', { certificate: certificate('URI:spiffe://other.org/team/blue') }],
    ['public/west', { metadata: { get: () => ['west'] } }, { zone: 'east' }],
    ['public/east', {}, { zone: 'east' }],
    ['public/local', { address: '127.0.0.1:40000' }],
  ];
  for (const [expected, peer, metadata = {}] of cases)
    assert.equal(
      groupOf(
        { ...anonymousNode, metadata },
        { address: '10.0.0.1:40000', certificate: undefined, metadata: { get: () => [] }, ...peer },
      ),
      expected,
    );
});

/** Completes the example of `authorize`: a directory of teams, resources of a team, and a port. */
const completion = `
import { ServerCredentials } from '@grpc/grpc-js';
import { createResource, createResourceSet, typeUrls } from 'meshtrust-xds';
store.set('blue', typeUrls.cluster, createResourceSet([createResource('of-blue', Buffer.from([0x0a, 0]))]));
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_, port) => console.log('listening on ' + port));
`;

test('example of authorize in docs/xds-library.md: names the group, and refuses tokens and nodes', async () => {
  const [whole, , code] = examples();
  const [, entry = ''] = /from '(file:[^']+)'/.exec(whole) ?? [];
  const asked = 'declare function teamOf(token: string): Promise<string | undefined>;';
  const served = 'addXdsServices(new Server(), createSnapshotStore(), { authorize });';
  assert.ok(code.includes(asked) && code.includes(served));
  using program = start(
    code
      .replace(asked, "const teamOf = async (token: string) => (token === 'secret' ? 'blue' : undefined);")
      .replace(
        served,
        'const [server, store] = [new Server(), createSnapshotStore()];\naddXdsServices(server, store, { authorize });',
      ) + completion.replace("'meshtrust-xds'", `'${entry}'`),
  );
  const address = `127.0.0.1:${await program.port()}`;
  const ask = (token: string | undefined, id: string) => {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', token);
    const client = createClient(address, {}, undefined, metadata);
    const stream = client.delta(ads.delta);
    stream.send({ type_url: typeUrls.cluster, node: { id }, resource_names_subscribe: ['of-blue'] });
    return { client, stream };
  };
  const { client, stream } = ask('Bearer secret', 'blue-1');
  assert.equal((await stream.next()).resources[0]?.name, 'of-blue');
  client[Symbol.dispose]();
  for (const [token, id, expected, details] of [
    [undefined, 'blue-1', status.UNAUTHENTICATED, 'the token is unknown'],
    ['Bearer other', 'blue-1', status.UNAUTHENTICATED, 'the token is unknown'],
    ['Bearer secret', 'red-1', status.PERMISSION_DENIED, 'the node is of another team'],
  ] as const) {
    const refused = ask(token, id);
    assert.deepEqual(await refused.stream.ended, { code: expected, details });
    assert.equal(refused.stream.received, 0);
    refused.client[Symbol.dispose]();
  }
});
