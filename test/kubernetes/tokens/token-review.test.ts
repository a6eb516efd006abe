import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite, test } from 'node:test';
import { connectReviewer } from '../../../src/kubernetes/tokens/connect-reviewer.ts';
import type { ReviewResult } from '../../../src/access/review.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { insecureKubeconfig } from '../../kit/kubeconfig.ts';

/** Reviews a token at an API server that answers so. Returns the result, and the request. */
async function review(status: number, answer: unknown) {
  let request: unknown;
  const server = createServer((incoming, response) => {
    // The signing keys.
    if (incoming.method === 'GET') return response.writeHead(404).end('{}');
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    return incoming.on('end', () => {
      request = { path: incoming.url, body: JSON.parse(Buffer.concat(chunks).toString()) as unknown };
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await using dir = await makeTempDir();
  const { port } = server.address() as AddressInfo;
  const kubeconfig = insecureKubeconfig(`http://127.0.0.1:${port}`, { token: 'mine' });
  await writeFile(dir.join('kubeconfig'), kubeconfig);
  const reviewer = connectReviewer({
    kubeconfig: dir.join('kubeconfig'),
    audience: 'meshtrust',
    cacheMs: 60_000,
    now: () => 0,
    reviewed: () => undefined,
    keysRead: () => undefined,
  });
  const result = await reviewer.review('t', { address: '10.0.0.1', connection: '10.0.0.1:1' }, undefined);
  reviewer.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return { result, request };
}

const outcome = (result: ReviewResult): string =>
  result.kind === 'refused' ? `refused ${result.reason}` : result.kind;
const user = { username: 'system:serviceaccount:edge:envoy' };
const audiences = ['meshtrust'];

suite('review of a token by the API server', () => {
  const cases: readonly (readonly [what: string, status: number, answer: unknown, expected: string])[] = [
    ['accepted', 201, { status: { authenticated: true, audiences, user } }, 'accepted'],
    ['not accepted', 201, { status: { authenticated: false, error: 'invalid' } }, 'refused token'],
    ['status without a decision', 201, { status: {} }, 'refused token'],
    [
      'another audience',
      201,
      { status: { error: 'token audiences ["a"] is invalid for the target audiences ["meshtrust"]' } },
      'refused audience',
    ],
    ['accepted without an audience', 201, { status: { authenticated: true, user } }, 'refused audience'],
    [
      'accepted for another audience',
      201,
      { status: { authenticated: true, audiences: ['vault'], user } },
      'refused audience',
    ],
    [
      'user that is no service account',
      201,
      { status: { authenticated: true, audiences, user: { username: 'system:admin' } } },
      'refused token',
    ],
    ['no TokenReview', 201, {}, 'unavailable'],
    ['list', 201, [], 'unavailable'],
    ['forbidden', 403, { message: 'no' }, 'unavailable'],
    [
      'accepted with a status of an error',
      500,
      { status: { authenticated: true, audiences, user } },
      'unavailable',
    ],
  ];
  for (const [what, status, answer, expected] of cases)
    test(`${what}: ${expected}`, async () => {
      const { result } = await review(status, answer);
      assert.equal(outcome(result), expected);
    });

  test('request: has the token and the audience', async () => {
    const { request } = await review(201, { status: {} });
    assert.deepEqual(request, {
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token: 't', audiences },
      },
    });
  });
});
