import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { suite, test } from 'node:test';
import { runProgram } from '../../../src/cli/program.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';

const names = (mesh: string, ...trustDomains: readonly string[]) =>
  trustDomains.map((trustDomain) => ({ mesh, trustDomain }));

/**
 * Starts an admin API that holds the first trust domains, and more of them from the moment when the first were listed.
 */
async function holdingServer(held: readonly string[], later: readonly string[] = [], status = 200) {
  let current = [...held];
  const releases: string[] = [];
  const http = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    const reply = (body: unknown) => void response.end(JSON.stringify(body));
    if (url.pathname === '/api/v1/meshes') return reply({ meshes: [{ name: 'default' }] });
    if (request.method === 'GET') {
      reply({ name: 'default', proxies: 2, held: current.map((name) => ({ name, secondsLeft: 300 })) });
      current = [...current, ...later];
      return;
    }
    if (status !== 200) {
      response.statusCode = status;
      return reply({ error: { code: 'forbidden', message: 'not from here' } });
    }
    releases.push(url.search);
    const chosen = current.filter((name) => (url.searchParams.get('trustDomain') ?? name) === name);
    current = current.filter((name) => !chosen.includes(name));
    reply({ released: names('default', ...chosen) });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  return {
    option: `--server=http://127.0.0.1:${port}`,
    releases,
    held: () => current,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** Runs the command on a terminal, on which the answer is typed or which is closed. */
function runOnTerminal(args: readonly string[], answer: string | undefined): Promise<Outcome> {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  if (answer === undefined) stdin.end();
  else stdin.write(`${answer}\n`);
  return run(args, {}, undefined, (io) => runProgram({ ...io, stdin }));
}

suite('guard release', () => {
  test('hold that begins after the listing: is not released', async () => {
    await using server = await holdingServer(['a.test', 'b.test'], ['late.test']);
    const { code, stdout } = await run(['guard', 'release', server.option, '--yes']);
    assert.equal(code, 0);
    assert.equal(stdout, 'default a.test\ndefault b.test\n');
    assert.deepEqual(server.held(), ['late.test']);
  });

  for (const answer of ['y', 'yes', 'YES'])
    test(`terminal, answer ${answer}: shows what it withdraws, asks, and releases it`, async () => {
      await using server = await holdingServer(['a.test']);
      const { code, stderr } = await runOnTerminal(['guard', 'release', server.option], answer);
      assert.equal(code, 0);
      assert.match(
        stderr,
        /trust domain a\.test of mesh default: held at .* 2 proxies of the mesh will refuse its clients\n/,
      );
      assert.match(stderr, /Withdraw 1 trust domain\? \[y\/N\]/);
      assert.deepEqual(server.held(), []);
    });

  for (const [name, answer] of [
    ['n', 'n'],
    ['an empty line', ''],
    ['a word', 'yesterday'],
    ['the end of the input', undefined],
  ] as const)
    test(`terminal, ${name}: exit code 1, and nothing is released`, async () => {
      await using server = await holdingServer(['a.test']);
      const { code, stderr } = await runOnTerminal(['guard', 'release', server.option], answer);
      assert.equal(code, 1);
      assert.match(stderr, /no trust domain was released/);
      assert.deepEqual(server.releases, []);
    });

  test('--dry-run: lists what would be released, asks nothing and releases nothing', async () => {
    await using server = await holdingServer(['a.test', 'b.test']);
    const args = ['guard', 'release', server.option, '--dry-run', '--trust-domain=b.test'];
    const { code, stdout, stderr } = await runOnTerminal(args, undefined);
    assert.deepEqual([code, stdout], [0, 'default b.test\n']);
    assert.doesNotMatch(stderr, /\[y\/N\]/);
    assert.match(stderr, /^nothing was released: --dry-run$/m);
    assert.deepEqual(server.releases, []);
  });

  test('a trust domain that is not held, while another one is: says so', async () => {
    await using server = await holdingServer(['a.test']);
    const args = ['guard', 'release', server.option, '--yes', '--mesh=default', '--trust-domain=b.test'];
    const { code, stdout, stderr } = await run(args);
    assert.deepEqual(
      [code, stdout, stderr],
      [0, '', 'the guard does not hold trust domain b.test of mesh default; it holds others\n'],
    );
    assert.deepEqual(server.releases, []);
  });

  test('a mesh that the server does not have: exit code 1', async () => {
    await using server = await holdingServer(['a.test']);
    const { code, stderr } = await run(['guard', 'release', server.option, '--yes', '--mesh=typo']);
    assert.deepEqual([code, stderr], [1, 'error: mesh typo: no MeshTrust lists it (meshes: default)\n']);
  });

  test('one of two servers refuses: prints what the other released, and ends with the error', async () => {
    await using one = await holdingServer(['a.test'], [], 403);
    await using two = await holdingServer(['b.test']);
    const { code, stdout, stderr } = await run(['guard', 'release', one.option, two.option, '--yes']);
    assert.deepEqual([code, stdout], [1, 'default b.test\n']);
    assert.match(stderr, /^error: \S+ answered: not from here$/m);
  });
});
