import {
  ApiFailure,
  askCertificate,
  askCertificates,
  askChanges,
  askConsumers,
  askFederation,
  askFindings,
  askIdentities,
  askMesh,
  askMeshes,
  askProxies,
  askProxy,
  askRotations,
  askServer,
  findProxies,
} from './ask.ts';
import { noData } from './page-state.ts';
import type { PageState, ViewData } from './page-state.ts';
import { filterOf } from './route.ts';
import type { Route } from './route.ts';
import { serverTime } from './server-time.ts';

/** Number of changes, of certificates that expire next, of results of a search, and of CA certificates in the list. */
const most = { changes: 8, expiring: 10, found: 50, listed: 500 } as const;

/** Requests everything that the page shows whatever the view. */
export async function loadShared(): Promise<Pick<PageState, 'about' | 'meshes' | 'unlisted' | 'findings'>> {
  const [about, { meshes, unlisted = [] }, findings] = await Promise.all([
    askServer(),
    askMeshes(),
    askFindings(),
  ]);
  return { about, meshes, unlisted, findings };
}

/** Requests what one view shows besides. */
export async function loadView(
  route: Route,
  shared: Promise<Pick<PageState, 'about'>>,
): Promise<ViewData & Pick<PageState, 'meshAt'>> {
  try {
    return { ...noData, ...(await dataOf(route, shared)), meshAt: serverTime() };
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status !== 404) throw error;
    // Proxies may name a mesh that no MeshTrust lists.
    const proxies = route.kind === 'mesh' ? await askProxies(route.mesh, filterOf(route)) : undefined;
    return { ...noData, proxies, missing: error.message, meshAt: serverTime() };
  }
}

async function dataOf(route: Route, shared: Promise<Pick<PageState, 'about'>>): Promise<Partial<ViewData>> {
  switch (route.kind) {
    case 'overview': {
      const [certificates, { changes }] = await Promise.all([
        askCertificates('', most.expiring),
        askChanges(undefined, most.changes),
      ]);
      return { certificates, changes };
    }
    case 'mesh': {
      const [mesh, proxies, { changes }, identities, rotations, federation, consumers] = await Promise.all([
        askMesh(route.mesh),
        askProxies(route.mesh, filterOf(route)),
        askChanges(route.mesh, most.changes),
        askIdentities(),
        askRotations(route.mesh),
        askFederation(),
        // Without a bundle endpoint, the response is an error, which a browser prints.
        shared.then(({ about }) => (about?.publishesBundles === true ? askConsumers() : undefined)),
      ]);
      return { mesh, proxies, changes, identities, rotations, federation, consumers };
    }
    case 'proxy':
      return { proxy: await askProxy(route.mesh, route.node) };
    case 'ca':
      return { ca: await askCertificate(route.fingerprint) };
    case 'search': {
      const [certificates, proxies] = await Promise.all([
        askCertificates(route.text, most.found),
        findProxies(route.text, most.found),
      ]);
      return { certificates, proxies };
    }
    case 'cas':
      return { certificates: await askCertificates('', most.listed) };
    case 'findings':
    case 'code':
      return {};
  }
}
