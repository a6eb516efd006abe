import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { startFakeApiServer } from '../../inputs/kubernetes/fake-api-server.ts';
import type { Asked } from '../../inputs/kubernetes/fake-api-server.ts';
import { makeCa } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { fingerprintOf } from '../../kit/resources.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { run } from '../run.ts';
import type { Outcome } from '../run.ts';
import { insecureKubeconfig } from '../../kit/kubeconfig.ts';

const [a, b] = [makeCa({ commonName: 'A' }), makeCa({ commonName: 'B' })];

/** A MeshTrust of the cluster whose issuer was switched. */
function objectAt(resourceVersion: number, switchedAt = '2026-11-28T03:00:00Z'): object {
  return {
    metadata: {
      name: 'zone',
      namespace: 'kuma-system',
      resourceVersion: String(resourceVersion),
      annotations: {
        'meshtrust.io/rotation-old': fingerprintOf(a.certPem),
        'meshtrust.io/rotation-new': fingerprintOf(b.certPem),
        'meshtrust.io/rotation-switched-at': switchedAt,
      },
    },
    spec: {
      trustDomain: 'a.test',
      caBundles: [a, b].map(({ certPem }) => ({ type: 'Pem', pem: { value: certPem } })),
    },
  };
}

/** Runs `rotate back --apply` with an API server that answers by `answer`. */
async function backAt(
  t: TestContext,
  answer: (asked: Asked) => Promise<void> | void,
  args: readonly string[] = [],
): Promise<Outcome> {
  const api = await startFakeApiServer(t);
  await using dir = await makeTempDir();
  const kubeconfig = dir.join('kubeconfig');
  await writeFile(kubeconfig, insecureKubeconfig(api.url, { token: 'secret-token' }));
  // No gate of this command asks a server.
  const nowhere = `--server=http://127.0.0.1:${await freePort()}`;
  let outcome: Outcome | undefined;
  const ended = run(['rotate', 'back', '--apply', `--kubeconfig=${kubeconfig}`, nowhere, ...args]).then(
    async (result) => {
      outcome = result;
      await fetch(api.url);
    },
  );
  for (;;) {
    const asked = await api.asked();
    if (outcome !== undefined) {
      asked.answer(200, {});
      await ended;
      return outcome;
    }
    await answer(asked);
  }
}

/** Runs it on an object that another client changes before each of the first patches. */
async function backWith(
  t: TestContext,
  conflicts: number,
  ...args: readonly string[]
): Promise<Outcome & { readonly patches: number }> {
  let version = 1;
  let patches = 0;
  const outcome = await backAt(
    t,
    (asked) => {
      if (asked.method === 'PATCH') {
        patches += 1;
        const isConflict = patches <= conflicts;
        if (isConflict) version += 1;
        asked.answer(isConflict ? 422 : 200, {});
      } else if (asked.path.endsWith('/zone')) asked.answer(200, objectAt(version));
      else asked.list([objectAt(version)], String(version));
    },
    args,
  );
  return { ...outcome, patches };
}

suite('meshtrust rotate --apply while servers write the status of the object', () => {
  test('the object changes twice → the command runs again, and succeeds', async (t) => {
    const { code, stderr, patches } = await backWith(t, 2);
    assert.equal(code, 0, stderr);
    assert.equal(patches, 3);
    assert.match(stderr, /^kubernetes:kuma-system\/zone: patched; next: [^\n]*\n$/);
  });

  test('it changes each time → R55', async (t) => {
    const { code, stderr, patches } = await backWith(t, Infinity);
    assert.deepEqual([code, patches], [1, 3]);
    assert.match(stderr, /refused: R55 conflict: kubernetes:kuma-system\/zone was changed/);
  });

  test('the access log is a pipe, which cannot be read again → R55 at the first conflict', async (t) => {
    const { code, stderr, patches } = await backWith(t, 1, '--access-log=/dev/null');
    assert.deepEqual([code, patches], [1, 1]);
    assert.match(stderr, /refused: R55 conflict: kubernetes:kuma-system\/zone was changed/);
  });
});

suite('meshtrust rotate --apply with an object that has an error', () => {
  test('no other one is rotated → the object is named, since its annotations are unknown', async (t) => {
    const broken = { ...objectAt(1), spec: { trustDomain: 'a.test', caBundles: 3 } };
    const { code, stderr } = await backAt(t, (asked) => asked.list([broken], '1'));
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'error: kubernetes:kuma-system/zone has an error (MT003), so it is unknown whether it is rotated\n',
    );
  });

  test('another one is rotated → it is changed', async (t) => {
    const broken = {
      metadata: { name: 'other', namespace: 'kuma-system', resourceVersion: '1' },
      spec: { trustDomain: 'b.test', caBundles: 3 },
    };
    const { code, stderr } = await backAt(t, (asked) => {
      if (asked.method === 'PATCH') asked.answer(200, {});
      else asked.list([broken, objectAt(1)], '1');
    });
    assert.equal(code, 0, stderr);
  });
});

suite('meshtrust rotate back on a machine whose clock is behind', () => {
  test('no server answers → the time of the switch is recorded, so that leaves of the new CA do not end early', async (t) => {
    const switchedAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000)
      .toISOString()
      .replace('.000Z', 'Z');
    let operations: unknown;
    const { code, stderr } = await backAt(t, async (asked) => {
      if (asked.method === 'PATCH') {
        operations = await asked.body();
        asked.answer(200, {});
      } else asked.list([objectAt(1, switchedAt)], '1');
    });
    assert.equal(code, 0, stderr);
    assert.deepEqual((operations as readonly object[]).at(-1), {
      op: 'add',
      path: '/metadata/annotations/meshtrust.io~1rotation-back-at',
      value: switchedAt,
    });
  });
});

/** What the API server does with a patch whose response does not arrive. */
interface Loss {
  readonly isApplied: boolean;
  /** True if the object cannot be read afterwards either. */
  readonly isLasting?: boolean;
  /** The status of a response; by default the connection ends without one. */
  readonly status?: number | undefined;
}

/** Runs it with a patch whose response is lost. */
async function backWithLoss(
  t: TestContext,
  { isApplied, isLasting = false, status }: Loss,
): Promise<Outcome & { readonly patches: number }> {
  const object = objectAt(1) as {
    readonly metadata: { resourceVersion: string; annotations: Record<string, string> };
  };
  let patches = 0;
  const outcome = await backAt(t, async (asked) => {
    if (asked.method === 'PATCH') {
      patches += 1;
      if (isApplied) {
        delete object.metadata.annotations['meshtrust.io/rotation-switched-at'];
        const operations = (await asked.body()) as readonly {
          readonly path: string;
          readonly value: string;
        }[];
        const at = operations.find(({ path }) => path.endsWith('back-at'))?.value ?? '';
        object.metadata.annotations['meshtrust.io/rotation-back-at'] = at;
        // A server writes its status as well.
        object.metadata.resourceVersion = '3';
      }
      if (status === undefined) asked.drop();
      else asked.refuse(status);
    } else if (asked.path.endsWith('/zone')) {
      if (isLasting) asked.drop();
      else asked.answer(200, object);
    } else asked.list([object], '1');
  });
  return { ...outcome, patches };
}

suite('meshtrust rotate --apply without a response to the patch', () => {
  for (const status of [undefined, 504])
    test(`${status ?? 'connection ends'}, and the object has the change → patched`, async (t) => {
      const { code, stderr, patches } = await backWithLoss(t, { isApplied: true, status });
      assert.deepEqual([code, patches], [0, 1], stderr);
      assert.match(stderr, /^kubernetes:kuma-system\/zone: patched; next: /);
    });

  for (const status of [undefined, 504])
    test(`${status ?? 'connection ends'}, and the object does not have the change → unknown, exit 3`, async (t) => {
      const { code, stderr, patches } = await backWithLoss(t, { isApplied: false, status });
      assert.deepEqual([code, patches], [3, 1]);
      assert.match(stderr, /kubernetes:kuma-system\/zone: it is unknown whether it was changed: .* so far/);
      assert.match(stderr, /look at it with meshtrust rotate status/);
    });

  for (const isApplied of [true, false])
    test(`object cannot be read again, and ${isApplied ? 'has' : 'does not have'} the change → unknown, exit 3`, async (t) => {
      const { code, stderr } = await backWithLoss(t, { isApplied, isLasting: true });
      assert.equal(code, 3);
      assert.match(stderr, /it is unknown whether it was changed: .* cannot be read again/);
    });

  test('patch that the API server refuses → cannot be changed, exit 1', async (t) => {
    const { code, stderr } = await backWithLoss(t, { isApplied: false, status: 403 });
    assert.equal(code, 1);
    assert.match(stderr, /kubernetes:kuma-system\/zone cannot be changed: 403/);
  });
});
