import { fleetRoutes } from '../../src/admin/fleet-routes.ts';
import { createHttpEdge } from '../../src/admin/http-edge.ts';
import { localFleet } from '../../src/fleet/fleet.ts';
import { scene } from '../fleet/scene.ts';

/** Starts an admin API with a scene of proxies; on a free port by default. */
export async function fleetServer(address = '127.0.0.1:0') {
  const all = scene();
  const edge = createHttpEdge({
    routes: fleetRoutes({ fleet: localFleet(all.tracker, all.history), wall: all.now }),
    onError: (error) => {
      throw error;
    },
  });
  const url = `http://${await edge.listen(address)}`;
  return { ...all, url, [Symbol.asyncDispose]: () => edge.close() };
}
