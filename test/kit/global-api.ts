import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { RequestListener } from 'node:http';

/** A resource of the fake REST API. */
export interface GlobalResource {
  readonly type: 'MeshTrust' | 'MeshIdentity';
  readonly name: string;
  readonly mesh: string;
  readonly labels?: Readonly<Record<string, string | undefined>>;
  readonly spec: unknown;
}

/** The REST API of a Universal Global control plane, as far as imports need it. */
export interface GlobalApi extends AsyncDisposable {
  readonly url: string;
  resources: readonly GlobalResource[];
  /** Answers a request instead of the list, if it returns a status and a body. It is called before the list is made. */
  answer: (path: string, offset: number) => { readonly status: number; readonly body: string } | undefined;
  /** The paths with queries and the tokens of all requests so far. */
  readonly requests: { readonly path: string; readonly token: string | undefined }[];
  readonly close: () => Promise<void>;
}

export async function startGlobalApi(
  options: {
    readonly pageSize?: number;
    readonly tls?: { readonly cert: string; readonly key: string };
    readonly port?: number;
  } = {},
): Promise<GlobalApi> {
  const requests: GlobalApi['requests'] = [];
  const listener: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '', api.url);
    requests.push({ path: `${url.pathname}${url.search}`, token: request.headers.authorization });
    const offset = Number(url.searchParams.get('offset'));
    const { status, body } = api.answer(url.pathname, offset) ?? { status: 200, body: listOf(url) };
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
  const listOf = (url: URL): string => {
    const type = url.pathname === '/meshtrusts' ? 'MeshTrust' : 'MeshIdentity';
    const all = api.resources.filter((one) => one.type === type);
    const offset = Number(url.searchParams.get('offset'));
    const size = Math.min(Number(url.searchParams.get('size')), options.pageSize ?? 1000);
    const end = offset + size;
    const next = end < all.length ? `${api.url}${url.pathname}?offset=${end}` : null;
    const items = all.slice(offset, end).map((one) => ({ ...one, creationTime: new Date().toISOString() }));
    return JSON.stringify({ total: all.length, items, next });
  };
  const server =
    options.tls === undefined ? createServer(listener) : createTlsServer({ ...options.tls }, listener);
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const api: GlobalApi = {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    resources: [],
    answer: () => undefined,
    requests,
    close,
    [Symbol.asyncDispose]: close,
  };
  return api;
}

/** Returns a MeshTrust of a zone, as a Global control plane has it. */
export function trustOf(zone: string, trustDomain: string, pem: string): GlobalResource {
  return {
    type: 'MeshTrust',
    name: `trust-${zone}`,
    mesh: 'default',
    labels: { 'kuma.io/origin': 'zone', 'kuma.io/zone': zone },
    spec: { trustDomain, caBundles: [{ type: 'Pem', pem: { value: pem } }] },
  };
}

/** Returns a MeshIdentity of the Global control plane that gives each zone a trust domain. */
export function identityOf(trustDomain: string, bundled: unknown = {}): GlobalResource {
  return {
    type: 'MeshIdentity',
    name: 'identity',
    mesh: 'default',
    labels: { 'kuma.io/origin': 'global' },
    spec: {
      spiffeID: { trustDomain },
      provider: {
        type: 'Bundled',
        bundled: { insecureAllowSelfSigned: true, autogenerate: { enabled: true }, ...(bundled as object) },
      },
    },
  };
}
