import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaries, skipWithoutEnvoys as skip, startEnvoys } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startMeshtrust } from '../../kit/meshtrust.ts';
import { poll } from '../../kit/poll.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { watchedDir } from '../../kit/watched-dir.ts';
import type { RolloutDetail } from '../../../src/api/fleet-api-types.ts';

const names = Array.from({ length: 20 }, (_, index) => `d${index}.test`);

test(
  'Envoys with rate_limit_settings and more secrets than requests: acknowledge each change, and send nothing more then',
  { skip, timeout: 120_000 },
  async () => {
    await using stack = new AsyncDisposableStack();
    const dir = stack.use(await makeTempDir());
    const files = watchedDir(dir.path);
    for (const name of names) await files.put(`${name}.yaml`, makeDomain(name).yaml());
    const meshtrust = stack.use(await startMeshtrust({ dirs: [dir.path] }));
    await startEnvoys(
      stack,
      binaries.map(({ path, version }) => ({
        path,
        transport: 'sotw-ads',
        xdsPort: meshtrust.xdsPort,
        nodeId: version,
        secretNames: names.map((name) => `spiffe://${name}`),
        requestRate: { burst: 5, perSecond: 10 },
      })),
    );
    /** Returns the version that all Envoys have. */
    const versionInSync = async (): Promise<string | undefined> => {
      const { body } = await meshtrust.admin('/api/v1/meshes/default/rollout');
      const { converged, proxies, version } = JSON.parse(body) as RolloutDetail;
      return converged && proxies.synced === binaries.length ? version : undefined;
    };
    const first = await poll('all Envoys in sync', versionInSync, { timeoutMs: 30_000 });
    for (const name of names) await files.put(`${name}.yaml`, makeDomain(name).yaml());
    const hasNext = async (): Promise<true | undefined> => {
      const version = await versionInSync();
      return version !== undefined && version !== first ? true : undefined;
    };
    await poll('all Envoys in sync with the change', hasNext, { timeoutMs: 30_000 });
    const requests = async (): Promise<number> =>
      [...(await meshtrust.metric('meshtrust_xds_requests_total')).values()].reduce(
        (sum, one) => sum + one,
        0,
      );
    // The requests that Envoys have queued, and one more reply to all of them.
    let before = -1;
    await poll(
      'no more requests',
      async () => {
        const now = await requests();
        const isQuiet = now === before;
        before = now;
        return isQuiet ? true : undefined;
      },
      { timeoutMs: 60_000, everyMs: 6_000 },
    );
    assert.equal(await hasNext(), true);
  },
);
