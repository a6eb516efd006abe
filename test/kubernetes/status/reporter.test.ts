import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';

import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import { allFindings } from '../../../src/trust/snapshot/all-findings.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import type { ObjectHead } from '../../../src/kubernetes/client/api-object.ts';
import type { ProxyCounts } from '../../../src/kubernetes/status/core/status.ts';
import { createReporter } from '../../../src/kubernetes/status/reporter.ts';
import { noPolicy } from '../../kit/bundles.ts';
import { makeCa } from '../../kit/certificates.ts';
import { gone, version } from '../../kit/ledger.ts';
import { meshTrustYaml } from '../../kit/mesh-trust-text.ts';
import { poll } from '../../kit/poll.ts';
import { startFakeCluster } from './fake-cluster.ts';
import type { Answer, FakeCluster, Request } from './fake-cluster.ts';

const pace = {
  afterChangeMs: 5,
  betweenMs: 10,
  discoverMs: 60_000,
  retryMs: 20,
  rewriteMs: 50,
  progressMs: 50,
};
const all: ProxyCounts = { connected: 2, acked: 2, lost: 0, complete: true };
const damaged = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';

interface Status {
  readonly authorities: number;
  readonly observedGeneration: number;
  readonly conditions: readonly {
    readonly type: string;
    readonly reason: string;
    readonly message?: string;
  }[];
}

interface Scene {
  readonly cluster: FakeCluster;
  /** Adds an object, or a new generation of it, as the watch does. */
  readonly put: (name: string, pem?: string, status?: Record<string, unknown>) => void;
  readonly remove: (name: string) => void;
  /** Reports an object with another uid or status, as the watch does. */
  readonly report: (name: string, head: Partial<Pick<ObjectHead, 'uid' | 'status'>>) => void;
  readonly lead: () => void;
  /** Resolves when the reporter has asked again whether it is the leader. */
  readonly compared: () => Promise<unknown>;
  readonly count: (counts: ProxyCounts) => void;
  readonly failures: readonly string[];
  /** Whether requests for other objects still failed, for each status that was written. */
  readonly othersFail: readonly boolean[];
  /** Makes the next comparison fail. */
  readonly fail: () => void;
  readonly statuses: (name: string) => readonly Status[];
  readonly events: (name: string) => readonly string[];
}

const isStatus = ({ path }: Request): boolean => path.endsWith('/status');
const isEvent = ({ path }: Request): boolean => path.endsWith('/events');
const cas = new Map<string, string>();

/** Returns the CA certificate of an object. Each object has its own: a shared CA causes a warning. */
function pemOf(name: string): string {
  const known = cas.get(name) ?? makeCa().certPem;
  cas.set(name, known);
  return known;
}

/** Answers a discovery request like an API server that has the CRD, by default with the status subresource. */
function discovery({ path }: Request, names = ['meshtrusts', 'meshtrusts/status']): Answer | undefined {
  if (path !== '/apis/kuma.io/v1alpha1') return undefined;
  return { status: 200, object: { resources: names.map((name) => ({ name })) } };
}

/** Answers like an API server that stores what it receives. */
const keeping = (request: Request): Answer =>
  discovery(request) ?? { status: 200, object: { status: request.body['status'] } };

async function start(t: TestContext, answer = keeping, leading = true): Promise<Scene> {
  const cluster = await startFakeCluster(t, answer);
  const ledger = createLedger(['kubernetes'], { holdMs: 0 });
  const builder = createMeshBuilder(noPolicy);
  const failures: string[] = [];
  const othersFail: boolean[] = [];
  const generations = new Map<string, number>();
  let counts = all;
  let isLeading = leading;
  let comparisons = 0;
  let isBroken = false;
  let meshes = builder.build(new Map(), Date.now());
  const reporter = createReporter({
    client: cluster.client,
    instance: 'pod',
    isLeading: () => {
      comparisons += 1;
      return isLeading;
    },
    view: () => ({ ready: true, meshes, findings: allFindings(ledger.view().findings, meshes, Date.now()) }),
    isCurrent: () => true,
    grantsOf: (path) => {
      if (!isBroken) return ledger.grantsOf('kubernetes', path);
      isBroken = false;
      throw new Error('cannot be compared');
    },
    countsOf: () => counts,
    outcomes: (kind, failure, fail) => {
      if (failure !== undefined) failures.push(failure);
      else if (kind === 'status') othersFail.push(fail?.() === true);
    },
    onDropped: () => failures.push('dropped'),
    pace,
  });
  t.after(() => reporter.close());
  const build = (): void => {
    meshes = builder.build(ledger.view().holdings, Date.now());
  };
  const about = (name: string, fits: (request: Request) => boolean): readonly Request[] =>
    cluster.requests.filter((request) => fits(request) && JSON.stringify(request).includes(`"${name}"`));
  return {
    cluster,
    failures,
    othersFail,
    fail: () => void (isBroken = true),
    put: (name, pem = pemOf(name), status) => {
      const path = `kubernetes:ns/${name}`;
      const generation = (generations.get(name) ?? 0) + 1;
      generations.set(name, generation);
      ledger.apply(
        'kubernetes',
        [version(path, meshTrustYaml({ name, trustDomain: `${name}.test`, pems: [pem] }))],
        0,
      );
      build();
      const head = { path, namespace: 'ns', name, uid: `uid-${name}`, generation, status };
      reporter.heads({ put: [head], gone: [] });
    },
    remove: (name) => {
      ledger.apply('kubernetes', [gone(`kubernetes:ns/${name}`)], 0);
      build();
      reporter.heads({ put: [], gone: [`kubernetes:ns/${name}`] });
    },
    report: (name, changed) => {
      const generation = generations.get(name) ?? 0;
      const head = { path: `kubernetes:ns/${name}`, namespace: 'ns', name, uid: `uid-${name}`, generation };
      reporter.heads({ put: [{ status: undefined, ...head, ...changed }], gone: [] });
    },
    lead: () => {
      isLeading = true;
      reporter.changed();
    },
    compared: () => {
      const before = comparisons;
      return poll('a comparison', () => comparisons > before || undefined);
    },
    count: (next) => {
      counts = next;
    },
    statuses: (name) => about(name, isStatus).map(({ body }) => body['status'] as Status),
    events: (name) => about(name, isEvent).map(({ body }) => String(body['reason'])),
  };
}

/** Returns the reasons of the conditions. */
const reasons = (status: Status | undefined): readonly string[] | undefined =>
  status?.conditions.map(({ reason }) => reason);

test('new object: its status is written once, and an Event is sent once', async (t) => {
  const scene = await start(t);
  scene.put('a');
  await scene.cluster.until(1, isStatus);
  await scene.cluster.until(1, isEvent);
  const [status] = scene.statuses('a');
  assert.deepEqual(reasons(status), ['Accepted', 'Programmed', 'Valid']);
  assert.deepEqual([status?.authorities, status?.observedGeneration], [1, 1]);
  const request = scene.cluster.requests.find(isStatus);
  assert.equal(request?.path, '/apis/kuma.io/v1alpha1/namespaces/ns/meshtrusts/a/status');
  assert.deepEqual(request?.body['metadata'], { namespace: 'ns', name: 'a', uid: 'uid-a' });
  // Another object is added: the first is not written again.
  scene.put('b');
  await scene.cluster.until(2, isStatus);
  await scene.cluster.until(2, isEvent);
  assert.equal(scene.statuses('a').length, 1);
  assert.deepEqual(scene.events('a'), ['Programmed']);
});

test('write in progress: the same status is not written a second time', async (t) => {
  const held = Promise.withResolvers<void>();
  const scene = await start(t, (request) =>
    isStatus(request) ? { ...keeping(request), after: held.promise } : keeping(request),
  );
  scene.put('a');
  await scene.cluster.until(1, isStatus);
  // Another object makes the reporter compare all objects again.
  scene.put('b');
  await scene.cluster.until(2, isEvent);
  held.resolve();
  scene.put('c');
  await scene.cluster.until(1, (request) => isStatus(request) && request.path.includes('/c/'));
  assert.equal(scene.statuses('a').length, 1);
});

test('status removed by another client before the write is confirmed: is written again', async (t) => {
  const held = Promise.withResolvers<void>();
  const scene = await start(t, (request) =>
    isStatus(request) ? { ...keeping(request), after: held.promise } : keeping(request),
  );
  scene.put('a');
  await scene.cluster.until(1, isStatus);
  // The API server has made both changes. The watch is faster than the response to the first.
  scene.report('a', { status: undefined });
  held.resolve();
  await scene.cluster.until(2, isStatus);
  assert.equal(scene.statuses('a').length, 2);
});

test('object replaced before its status is written: is not given the status of the earlier one', async (t) => {
  const held = Promise.withResolvers<void>();
  const first = ['a', 'b', 'c', 'd'];
  const scene = await start(t, (request) =>
    isStatus(request) ? { ...keeping(request), after: held.promise } : keeping(request),
  );
  // As many writes as run at once. The fifth waits.
  for (const name of first) scene.put(name);
  await scene.cluster.until(first.length, isStatus);
  scene.put('e', pemOf('e') + damaged);
  await scene.cluster.until(1, (request) => isEvent(request) && request.body['reason'] === 'PartlyRefused');
  scene.put('e');
  scene.report('e', { uid: 'another' });
  held.resolve();
  await scene.cluster.until(1, (request) => isStatus(request) && request.path.includes('/e/'));
  assert.equal(reasons(scene.statuses('e')[0])?.[0], 'Accepted');
});

test('object that already has its status: is not written, and no Event is sent', async (t) => {
  const first = await start(t);
  first.put('a');
  await first.cluster.until(1, isStatus);
  const [present] = first.statuses('a');
  const second = await start(t);
  second.put('a', pemOf('a'), JSON.parse(JSON.stringify(present)) as Record<string, unknown>);
  second.put('b');
  await second.cluster.until(1, isEvent);
  assert.deepEqual(second.statuses('a'), []);
  assert.deepEqual(second.events('a'), []);
});

test('bad certificate: is reported by its code, without its content', async (t) => {
  const scene = await start(t);
  scene.put('a', pemOf('a') + damaged);
  await scene.cluster.until(2, isEvent);
  await scene.cluster.until(1, isStatus);
  assert.equal(reasons(scene.statuses('a')[0])?.[0], 'PartlyRefused');
  assert.deepEqual([...scene.events('a')].sort(), ['PartlyRefused', 'Programmed']);
  assert.doesNotMatch(JSON.stringify(scene.cluster.requests), /MIIB/);
});

test('replica that is not the leader: writes nothing until it becomes the leader', async (t) => {
  const scene = await start(t, keeping, false);
  scene.put('a');
  await scene.compared();
  assert.deepEqual(scene.cluster.requests, []);
  scene.lead();
  await scene.cluster.until(1, isStatus);
});

test('proxy that acknowledges late: Programmed becomes True then', async (t) => {
  const scene = await start(t);
  scene.count({ connected: 2, acked: 1, lost: 0, complete: true });
  scene.put('a');
  await scene.cluster.until(1, isStatus);
  assert.equal(reasons(scene.statuses('a')[0])?.[1], 'Pending');
  scene.count(all);
  await scene.cluster.until(2, isStatus);
  assert.equal(reasons(scene.statuses('a')[1])?.[1], 'Programmed');
});

test('proxies that acknowledge one by one: their count is written, but not each time', async (t) => {
  const scene = await start(t);
  const messages = (): readonly (string | undefined)[] =>
    scene.statuses('a').map(({ conditions }) => /\d+ of \d+/.exec(conditions[1]?.message ?? '')?.[0]);
  scene.count({ connected: 9, acked: 1, lost: 0, complete: true });
  scene.put('a');
  await scene.cluster.until(1, isStatus);
  for (const acked of [2, 3, 4]) scene.count({ connected: 9, acked, lost: 0, complete: true });
  await scene.cluster.until(2, isStatus);
  scene.count(all);
  await scene.cluster.until(3, isStatus);
  assert.deepEqual(messages().slice(0, 2), ['1 of 9', '4 of 9']);
  assert.equal(reasons(scene.statuses('a')[2])?.[1], 'Programmed');
});

test('proxies that acknowledge one by one: the intervals between writes of their count double', async (t) => {
  const scene = await start(t);
  const times: number[] = [];
  for (let acked = 1; acked <= 4; acked += 1) {
    scene.count({ connected: 9, acked, lost: 0, complete: true });
    if (acked === 1) scene.put('a');
    await scene.cluster.until(acked, isStatus);
    times.push(performance.now());
  }
  const [, second = 0, third = 0, fourth = 0] = times;
  // Timers may fire a millisecond early, and the first of two requests is noticed late.
  assert.ok(third - second >= 2 * pace.progressMs - 10, `${third - second} ms`);
  assert.ok(fourth - third >= 4 * pace.progressMs - 10, `${fourth - third} ms`);
});

test('failed write: is reported and tried again', async (t) => {
  let attempts = 0;
  const scene = await start(t, (request) => {
    if (!isStatus(request)) return keeping(request);
    attempts += 1;
    return attempts === 1 ? { status: 500, object: { message: 'etcd is away' } } : keeping(request);
  });
  scene.put('a');
  await scene.cluster.until(2, isStatus);
  assert.deepEqual(scene.failures, ['500: etcd is away']);
});

test('all writes fail: the intervals between the writes of an object double', async (t) => {
  const scene = await start(t, (request) => (isStatus(request) ? { status: 403 } : keeping(request)));
  scene.put('a');
  const times: number[] = [];
  for (let count = 1; count <= 4; count += 1) {
    await scene.cluster.until(count, isStatus);
    times.push(performance.now());
  }
  const [, second = 0, third = 0, fourth = 0] = times;
  assert.ok(third - second >= 2 * pace.retryMs - 10, `${third - second} ms`);
  assert.ok(fourth - third >= 4 * pace.retryMs - 10, `${fourth - third} ms`);
});

test('writes of one object fail, and those of others do not: its intervals stay', async (t) => {
  const scene = await start(t, (request) =>
    isStatus(request) && request.path.includes('/bad/') ? { status: 403 } : keeping(request),
  );
  scene.put('bad');
  const ofBad = (request: Request): boolean => isStatus(request) && request.path.includes('/bad/');
  for (let count = 1; count <= 6; count += 1) {
    await scene.cluster.until(count, ofBad);
    scene.put(`good-${count}`);
    await scene.cluster.until(count, (request) => isStatus(request) && !ofBad(request));
  }
  const begin = performance.now();
  await scene.cluster.until(7, ofBad);
  // After six failures, the doubled pause would be 640 ms.
  assert.ok(performance.now() - begin < 500);
});

test('writes of one object fail: those of others do not end the failure until it is deleted', async (t) => {
  const scene = await start(t, (request) =>
    isStatus(request) && request.path.includes('/bad/') ? { status: 403 } : keeping(request),
  );
  const written = async (name: string): Promise<boolean | undefined> => {
    const before = scene.othersFail.length;
    scene.put(name);
    await poll('the write', () => scene.othersFail.length > before || undefined);
    return scene.othersFail[before];
  };
  scene.put('bad');
  await poll('the failure', () => scene.failures.length > 0 || undefined);
  assert.equal(await written('good'), true);
  // A new version of the object has not failed yet, but nothing shows that its write succeeds.
  scene.put('bad');
  assert.equal(await written('better'), true);
  scene.remove('bad');
  assert.equal(await written('best'), false);
});

test('no status subresource: no status is written, and problems are reported as Events', async (t) => {
  const scene = await start(t, (request) => discovery(request, ['meshtrusts']) ?? { status: 201 }, false);
  scene.put('old');
  scene.put('bad', pemOf('bad') + damaged);
  scene.lead();
  await scene.cluster.until(1, isEvent);
  scene.put('new');
  await scene.cluster.until(2, isEvent);
  const sent = ['old', 'bad', 'new'].map((name) => scene.events(name));
  assert.deepEqual(sent, [[], ['PartlyRefused'], ['Programmed']]);
  assert.equal(scene.cluster.requests.filter(isStatus).length, 0);
});

test('no status subresource, proxies acknowledge after the first comparison: no Event is sent', async (t) => {
  const scene = await start(t, (request) => discovery(request, ['meshtrusts']) ?? { status: 201 }, false);
  scene.count({ connected: 2, acked: 1, lost: 0, complete: true });
  scene.put('old');
  scene.put('bad', pemOf('bad') + damaged);
  scene.lead();
  await scene.cluster.until(1, isEvent);
  scene.count(all);
  scene.put('new');
  await scene.cluster.until(2, isEvent);
  const sent = (): readonly (readonly string[])[] => ['old', 'bad', 'new'].map((name) => scene.events(name));
  assert.deepEqual(sent(), [[], ['PartlyRefused'], ['Programmed']]);
  // A change of the object is reported.
  scene.put('old', makeCa().certPem);
  await scene.cluster.until(3, isEvent);
  assert.deepEqual(sent(), [['Programmed'], ['PartlyRefused'], ['Programmed']]);
});

test('schema without conditions: no status is written again', async (t) => {
  const scene = await start(t, (request) => discovery(request) ?? { status: 200, object: { status: {} } });
  scene.put('a');
  await scene.cluster.until(1, isStatus);
  await scene.cluster.until(1, isEvent);
  scene.put('b');
  await scene.cluster.until(2, isEvent);
  assert.deepEqual([scene.statuses('a').length, scene.statuses('b').length], [1, 0]);
});

test('Event that fails while a newer one of its reason waits: the newer one is sent', async (t) => {
  const held = Promise.withResolvers<void>();
  let attempts = 0;
  const scene = await start(t, (request) => {
    if (!isEvent(request) || request.body['reason'] !== 'PartlyRefused') return keeping(request);
    attempts += 1;
    return attempts === 1 ? { status: 500, object: {}, after: held.promise } : { status: 201 };
  });
  const refused = (request: Request): boolean =>
    isEvent(request) && request.body['reason'] === 'PartlyRefused';
  scene.put('a', pemOf('a') + damaged);
  const [old] = await scene.cluster.until(1, refused);
  scene.put('a', pemOf('a') + damaged + damaged);
  await scene.cluster.until(2, (request) => isStatus(request) && request.path.includes('/a/'));
  held.resolve();
  const [, next] = await scene.cluster.until(2, refused);
  assert.notEqual(next?.body['note'], old?.body['note']);
  assert.match(String(next?.body['note']), /block 3/);
});

test('deleted object: is not written', async (t) => {
  const scene = await start(t, keeping, false);
  scene.put('a');
  scene.remove('a');
  scene.put('b');
  scene.lead();
  await scene.cluster.until(1, isStatus);
  assert.deepEqual(scene.statuses('a'), []);
});

test('comparison that fails: is reported, and the next one writes the status', async (t) => {
  const { put, fail, failures, statuses } = await start(t);
  fail();
  put('a');
  await poll('a status', () => statuses('a').length > 0 || undefined);
  assert.deepEqual(failures, ['cannot be compared']);
});
