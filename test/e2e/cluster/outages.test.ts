import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { probeContinuously } from '../../kit/probe-continuously.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import {
  crd,
  installCrd,
  listOf,
  makeDomain,
  meshTrust,
  namespace,
  skip,
  startStage,
  untilAll,
} from './stage.ts';

/** How long the API server is away. */
const awayMs = 20_000;

test('an API server that is away for 20 s withdraws nothing, and its changes arrive', { skip }, async () => {
  await using stage = await startStage();
  const [kept, deleted, added] = ['kept.test', 'deleted.test', 'added.test'].map((name) => makeDomain(name));
  await stage.kubectl('apply -f -', listOf(meshTrust(kept!), meshTrust(deleted!)));
  const meshtrust = await stage.meshtrust();
  const envoys = await stage.envoys(meshtrust);
  const targets = envoys.map(({ port, nodeId }) => ({ port, name: nodeId, identity: kept!.client }));

  await using probe = probeContinuously(targets);
  await stage.cluster.stopServer();
  await meshtrust.logged('the failure', (line) => JSON.stringify(line).includes('cannot be reached'));
  await delay(awayMs);
  // Who connects now is told what was known before.
  const late = await stage.envoys(meshtrust);
  await untilAll(late, deleted!.client, 'accepted');
  await stage.cluster.startServer();
  await stage.kubectl('delete mtrust deleted.test');
  await stage.kubectl('apply -f -', meshTrust(added!));
  await untilAll([...envoys, ...late], added!.client, 'accepted', 20_000);
  await untilAll([...envoys, ...late], deleted!.client, 'refused', 20_000);
  const report = await probe.stop();
  assert.deepEqual(report.refusals, []);
  assert.ok(report.probes > 100, `${report.probes} probes`);
});

test('an API server, a CRD and trust that come after the start', { skip }, async () => {
  await using stage = await startStage();
  await stage.kubectl(`delete -f ${crd}`);
  await stage.cluster.stopServer();
  const meshtrust = await stage.meshtrust({ waitUntilReady: false, args: ['--guard-hold=1s'] });
  await meshtrust.logged('the failure', (line) => JSON.stringify(line).includes('cannot be reached'));
  await assertWaiting(meshtrust);
  await stage.cluster.startServer();
  await meshtrust.logged('the missing CRD', (line) => JSON.stringify(line).includes('is the CRD installed'));
  await assertWaiting(meshtrust);
  await installCrd(stage.kubectl);
  const domain = makeDomain('late.test');
  await stage.kubectl('apply -f -', meshTrust(domain));
  await poll('readiness', async () => ((await meshtrust.admin('/readyz')).status === 200 ? true : undefined));
  await untilAll(await stage.envoys(meshtrust), domain.client, 'accepted');
});

test('a CRD that is deleted and made again within the hold refuses no client', { skip }, async () => {
  await using stage = await startStage();
  const domains = ['a.test', 'b.test', 'c.test'].map((name) => makeDomain(name));
  const objects = listOf(...domains.map((domain) => meshTrust(domain)));
  await stage.kubectl('apply -f -', objects);
  const meshtrust = await stage.meshtrust();
  const envoys = await stage.envoys(meshtrust);
  const targets = envoys.flatMap(({ port, nodeId }) =>
    domains.map(({ name, client }) => ({ port, name: `${name} at ${nodeId}`, identity: client })),
  );
  await using probe = probeContinuously(targets);
  await stage.kubectl(`delete -f ${crd}`);
  await meshtrust.logged('the guard', ({ event }) => event === 'guard-held');
  await installCrd(stage.kubectl);
  await stage.kubectl('apply -f -', objects);
  await meshtrust.logged('the end of the hold', ({ event }) => event === 'guard-ended', 25_000);
  const report = await probe.stop();
  assert.deepEqual(report.refusals, []);
  assert.ok(report.probes > 100, `${report.probes} probes`);
});

test('rights that are withdrawn, and a token that is replaced', { skip }, async () => {
  await using stage = await startStage();
  const [before, after, late] = ['before.test', 'after.test', 'late.test'].map((name) => makeDomain(name));
  await stage.kubectl('apply -f -', meshTrust(before!));
  const meshtrust = await stage.meshtrust();
  const envoys = await stage.envoys(meshtrust);
  await stage.kubectl('delete rolebinding meshtrust');
  // A watch that is open stays so; the next request is refused.
  await stage.cluster.stopServer();
  await stage.cluster.startServer();
  await meshtrust.logged(
    'the failure',
    (line) => JSON.stringify(line).includes('forbids the request (403)'),
    20_000,
  );
  await untilAll(envoys, before!.client, 'accepted');
  await stage.grant();
  await stage.kubectl('apply -f -', meshTrust(after!));
  await untilAll(envoys, after!.client, 'accepted', 20_000);

  await writeFile(stage.account.tokenFile, 'expired');
  // A token is kept for a minute, unless a request fails: the outage must be noticed.
  const failures = (): number =>
    meshtrust.logs().filter((line) => JSON.stringify(line).includes('cannot be reached')).length;
  const earlier = failures();
  await stage.cluster.stopServer();
  await poll('the outage', () => (failures() > earlier ? true : undefined), { timeoutMs: 20_000 });
  await stage.cluster.startServer();
  await meshtrust.logged('the failure', (line) => JSON.stringify(line).includes('(401)'), 20_000);
  await untilAll(envoys, before!.client, 'accepted');
  await writeFile(stage.account.tokenFile, await stage.token());
  await stage.kubectl('apply -f -', meshTrust(late!));
  await untilAll(envoys, late!.client, 'accepted', 20_000);
});

test('versions that etcd has compacted: 410 Gone, and nothing is lost or withdrawn', { skip }, async () => {
  await using stage = await startStage();
  const [kept, deleted, added] = ['kept.test', 'deleted.test', 'added.test'].map((name) => makeDomain(name));
  await stage.kubectl('apply -f -', listOf(meshTrust(kept!), meshTrust(deleted!)));
  const meshtrust = await stage.meshtrust();
  const envoys = await stage.envoys(meshtrust);
  const targets = envoys.map(({ port, nodeId }) => ({ port, name: nodeId, identity: kept!.client }));
  await using probe = probeContinuously(targets);
  const list = JSON.parse(await stage.kubectl('get mtrust -o json')) as {
    readonly metadata: { readonly resourceVersion: string };
    readonly items: readonly { readonly metadata: { readonly resourceVersion: string } }[];
  };
  const known = list.items[0]?.metadata.resourceVersion ?? '';

  const followsSince = async (ms: number): Promise<readonly string[]> =>
    (await stage.cluster.asked())
      .filter(({ resource, at }) => resource === 'meshtrusts' && at >= ms)
      .filter(({ verb }) => ['list', 'watch'].includes(verb))
      .map(({ verb }) => verb);
  let goneOn = Infinity;
  // Stopped while it watches, so that it goes on from what it knows, and after the API server has forgotten that.
  process.kill(meshtrust.pid, 'SIGSTOP');
  try {
    await stage.cluster.stopServer();
    await stage.cluster.startServer();
    await stage.kubectl('delete mtrust deleted.test');
    await stage.kubectl('apply -f -', meshTrust(added!));
    assert.ok((await stage.cluster.compact()) > Number(known));
    // What is compacted may be in the memory of the API server still.
    await stage.cluster.stopServer();
    await stage.cluster.startServer();
  } finally {
    goneOn = Date.now();
    process.kill(meshtrust.pid, 'SIGCONT');
  }
  const path = `/apis/kuma.io/v1alpha1/namespaces/${namespace}/meshtrusts`;
  const answer = await stage.cluster
    .kubectl(['get', '--raw', `${path}?watch=1&resourceVersion=${known}&timeoutSeconds=1`])
    .then(
      ({ stdout }) => stdout,
      (error: unknown) => String(error),
    );
  assert.match(answer, /too old resource version|"code":410|required revision has been compacted/);
  await untilAll(envoys, added!.client, 'accepted', 20_000);
  await untilAll(envoys, deleted!.client, 'refused', 20_000);
  // It goes on from what it knows, once or again while the API server starts; when that is refused as too old, what
  // there is now is listed.
  assert.match((await followsSince(goneOn)).join(' '), /^(watch )+list/);
  const report = await probe.stop();
  assert.deepEqual(report.refusals, []);
  assert.ok(report.probes > 50, `${report.probes} probes`);
});

async function assertWaiting(meshtrust: Meshtrust): Promise<void> {
  const { status, body } = await meshtrust.admin('/readyz');
  assert.equal(status, 503);
  assert.match(body, /kubernetes/);
}
