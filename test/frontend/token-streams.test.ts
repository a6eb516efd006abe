import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { test } from 'node:test';
import { decideAccess } from '../../src/access/decide-access.ts';
import type { DecideAccess } from '../../src/access/claim.ts';
import { connectReviewer } from '../../src/kubernetes/tokens/connect-reviewer.ts';
import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import { message } from '../kit/attacks/http2-frames.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { fakeToken, startTokenReviews } from '../kit/token-reviews.ts';
import { deltaRequests } from '../xds/codec.ts';
import { ads } from '../xds/loopback/serving.ts';
import { serverCa, startRig } from './access-rig.ts';

/** 10,000 streams on few sockets, which take 5 s on an idle machine. */
const connections = 40;
const streamsOfConnection = 250;
const all = connections * streamsOfConnection;

/** Opens a stream with the token, and subscribes. Waits for the first bytes of the response. */
async function subscribe(session: ClientHttp2Session, token: string, id: string): Promise<void> {
  const stream = session.request({
    ':method': 'POST',
    ':path': ads.delta,
    'content-type': 'application/grpc',
    te: 'trailers',
    authorization: `Bearer ${token}`,
  });
  const request = { node: { id }, type_url: secretTypeUrl, resource_names_subscribe: ['ALL'] };
  stream.write(message(deltaRequests.serialize(request)));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stream.once('data', () => resolve());
  stream.on('error', reject);
  stream.once('close', () => reject(new Error('the stream ended without a response')));
  await promise;
}

test(`${all} streams with one token: the API server gets one review, and all are served`, async () => {
  const token = fakeToken({ sub: 'shared' });
  const everyStreamAsks = Promise.withResolvers<void>();
  await using reviews = await startTokenReviews({
    accepts: (one) => one === token,
    before: () => everyStreamAsks.promise,
  });
  await using dir = await makeTempDir();
  await writeFile(dir.join('kubeconfig'), reviews.kubeconfig);
  const reviewer = connectReviewer({
    kubeconfig: dir.join('kubeconfig'),
    audience: 'meshtrust',
    cacheMs: 60_000,
    now: () => Date.now(),
    reviewed: () => undefined,
    keysRead: () => undefined,
    // The streams of a busy machine take longer than the default. So do their decisions (requestTimeout below).
    limits: { withinMs: 100_000 },
  });
  using stack = new DisposableStack();
  stack.defer(() => reviewer.close());
  const judge = decideAccess({
    judge: undefined,
    tokens: { reviewer, audience: 'meshtrust', accepted: () => undefined },
    rules: () => undefined,
    allowsAnonymous: false,
    now: () => Date.now(),
  });
  let asked = 0;
  const decide: DecideAccess = (claim) => {
    const decision = judge(claim);
    asked += 1;
    if (asked === all) everyStreamAsks.resolve();
    return decision;
  };
  await using rig = await startRig({
    xdsTransport: 'own',
    auth: { methods: ['token'] },
    decide,
    options: { defaultMesh: 'mesh-a', openRate: 1_000_000, openBurst: 1_000_000, requestTimeout: 100_000 },
  });
  const sessions = Array.from({ length: connections }, () =>
    connect(`https://${rig.address}`, { ca: serverCa.certPem, servername: 'localhost' }),
  );
  stack.defer(() => sessions.forEach((session) => session.destroy()));
  await Promise.all(sessions.map((session) => once(session, 'remoteSettings')));
  await Promise.all(
    sessions.flatMap((session, index) =>
      Array.from({ length: streamsOfConnection }, (_, count) =>
        subscribe(session, token, `proxy-${index}-${count}`),
      ),
    ),
  );
  assert.equal(rig.streams.size, all);
  assert.deepEqual(reviews.reviewed, [token]);
  assert.equal(reviews.most.ofOneToken, 1);
});
