import { createAdminServer } from '../../src/admin/admin-server.ts';
import { localFleet } from '../../src/fleet/fleet.ts';
import { createLogger } from '../../src/observe/log/log.ts';
import { createMetrics } from '../../src/observe/metrics/metrics.ts';
import { content, makeRig, memoryStream, synced } from '../observe/rig.ts';
import { scene } from '../fleet/scene.ts';
import type { MeshTrustText } from '../kit/mesh-trust-text.ts';

type Text = Parameters<typeof content>[0] & Partial<MeshTrustText>;

/** Starts a complete admin API in this process, with a pipeline of these resources and a scene of proxies. */
export async function wholeServer(resources: readonly Text[], version = '0.0.1') {
  const proxies = scene();
  const rig = makeRig((event) => {
    if (event.kind === 'served') proxies.publish(event.states);
  });
  rig.deliver(...resources.map(content), synced);
  const view = () => rig.pipeline.view();
  const edge = createAdminServer({
    version,
    view,
    draining: () => false,
    metrics: createMetrics({ version, view, cache: rig.reader.stats, caMetrics: true }),
    now: rig.clock.monotonic,
    proxies: proxies.tracker.count,
    releaseGuard: (selection) => rig.pipeline.releaseGuard(selection),
    fleet: localFleet(proxies.tracker, proxies.history),
    wall: proxies.now,
    log: createLogger({ format: 'json', level: 'error', stream: memoryStream().stream }),
  });
  const url = `http://${await edge.listen('127.0.0.1:0')}`;
  return { ...rig, proxies, url, [Symbol.asyncDispose]: () => edge.close() };
}
