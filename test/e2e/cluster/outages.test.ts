import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';

import { probeContinuously } from '../../kit/probe-continuously.ts';
import type { Meshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { untilAll } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { crd, installCrd, listOf, meshTrust, namespace, skip, startStage } from './stage.ts';

/** Time for which the API server is down, in milliseconds. */
const awayMs = 20_000;

test('API server down for 20 s: nothing is withdrawn, and its changes arrive', { skip }, async () => {
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
  // A proxy that connects now gets the state from before the outage.
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

test('API server, CRD and objects that appear after the start: are used', { skip }, async () => {
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

test('CRD deleted and created again within the hold: no client is rejected', { skip }, async () => {
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

test('withdrawn rights, and a replaced token: are reported and recovered from', { skip }, async () => {
  await using stage = await startStage();
  const [before, after, late] = ['before.test', 'after.test', 'late.test'].map((name) => makeDomain(name));
  await stage.kubectl('apply -f -', meshTrust(before!));
  const meshtrust = await stage.meshtrust();
  const envoys = await stage.envoys(meshtrust);
  await stage.kubectl('delete rolebinding meshtrust');
  // An open watch continues. The next request is rejected.
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
  // The client uses a token for a minute, unless a request fails, so this waits for a failed request.
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

test('compacted versions, 410 Gone: nothing is lost or withdrawn', { skip }, async () => {
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
  // The program is stopped during a watch. It continues from its version after the API server has forgotten it.
  process.kill(meshtrust.pid, 'SIGSTOP');
  try {
    await stage.cluster.stopServer();
    await stage.cluster.startServer();
    await stage.kubectl('delete mtrust deleted.test');
    await stage.kubectl('apply -f -', meshTrust(added!));
    assert.ok((await stage.cluster.compact()) > Number(known));
    // The API server may still have compacted versions in memory.
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
  // It continues from its version, perhaps several times while the API server starts. When that version is rejected as
  // too old, it lists the current objects.
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
