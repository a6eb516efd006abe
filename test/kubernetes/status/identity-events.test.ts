import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { createIdentityEvents } from '../../../src/kubernetes/status/identity-events.ts';
import type { IdentityFinding } from '../../../src/kubernetes/status/core/render-events.ts';
import { startFakeCluster } from './fake-cluster.ts';
import type { Request } from './fake-cluster.ts';

const path = 'kubernetes:meshidentity:ns/identity';
const head = { path, namespace: 'ns', name: 'identity', uid: 'u', generation: 1, status: undefined };
const zoneUnknown: IdentityFinding = { code: 'MT073', severity: 'error', message: 'set --zone' };
const noTrust: IdentityFinding = { code: 'MT070', severity: 'info', message: 'its provider is SPIRE' };

interface Body {
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly kind: string; readonly name: string };
}

async function start(t: TestContext, isLeader = true) {
  const cluster = await startFakeCluster(t, () => ({ status: 201 }));
  const closed = new AbortController();
  const findings = new Map<string, readonly IdentityFinding[]>();
  let isLeading = isLeader;
  const events = createIdentityEvents({
    client: cluster.client,
    instance: 'pod',
    isLeading: () => isLeading,
    findingsByPath: () => findings,
    outcomes: () => undefined,
    onDropped: () => undefined,
    signal: closed.signal,
  });
  t.after(() => events.close());
  events.heads({ put: [head], gone: [] });
  return {
    events,
    lead(leading: boolean): void {
      isLeading = leading;
      events.changed();
    },
    find(...all: readonly IdentityFinding[]): void {
      findings.set(path, all);
      events.changed();
    },
    /** Waits for this many Events, and returns all as `type reason: note`. */
    async sent(count: number): Promise<readonly string[]> {
      const all = await cluster.until(count, () => true);
      return all.map(({ body }: Request) => {
        const { type, reason, note, regarding } = body as unknown as Body;
        assert.deepEqual([regarding.kind, regarding.name], ['MeshIdentity', 'identity']);
        return `${type} ${reason}: ${note}`;
      });
    },
  };
}

suite('Events about MeshIdentities', () => {
  const problem = 'Warning ZoneUnknown: MT073 set --zone';
  const resolved = 'Normal Derived: all findings about the resource are resolved';

  test('a finding: one Event, however often the state changes', async (t) => {
    const scene = await start(t);
    scene.find(zoneUnknown);
    scene.find(zoneUnknown);
    scene.find(zoneUnknown, noTrust);
    assert.deepEqual(await scene.sent(2), [
      problem,
      'Normal IdentityGivesNoTrust: MT070 its provider is SPIRE',
    ]);
  });

  test('all findings are resolved: an Event, and another one if it comes back', async (t) => {
    const scene = await start(t);
    scene.find(zoneUnknown);
    await scene.sent(1);
    scene.find();
    await scene.sent(2);
    scene.find(zoneUnknown);
    assert.deepEqual(await scene.sent(3), [problem, resolved, problem]);
  });

  test('a MeshIdentity without findings: no Event', async (t) => {
    const scene = await start(t);
    scene.find();
    scene.find(zoneUnknown);
    assert.deepEqual(await scene.sent(1), [problem]);
  });

  test('no leader: no Event, and those of current findings once it leads', async (t) => {
    const scene = await start(t, false);
    scene.find(noTrust);
    scene.find(zoneUnknown);
    scene.lead(true);
    assert.deepEqual(await scene.sent(1), [problem]);
  });

  test('a deleted MeshIdentity: no Event', async (t) => {
    const scene = await start(t);
    scene.events.heads({ put: [], gone: [path] });
    scene.find(noTrust);
    scene.events.heads({ put: [head], gone: [] });
    scene.find(zoneUnknown);
    assert.deepEqual(await scene.sent(1), [problem]);
  });
});
