import type { GuardRelease, MeshDetail, MeshList } from '../api/api-types.ts';
import type { ServerEvent } from '../api/event-types.ts';
import type { ProxyList, RolloutDetail } from '../api/fleet-api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';
import type { ProxyFilter } from './page-state.ts';

/** Number of proxies on a page of the list. */
const pageSize = 200;

export const askMeshes = (): Promise<MeshList> => get('/api/v1/meshes');
export const askMesh = (mesh: string): Promise<MeshDetail> =>
  get(`/api/v1/meshes/${encodeURIComponent(mesh)}`);
export const askHints = (): Promise<Hints> => get('/ui/hints.json');

export function askProxies(mesh: string, { node, state, after }: ProxyFilter): Promise<ProxyList> {
  const query = new URLSearchParams({ mesh, limit: String(pageSize) });
  if (node !== '') query.set('node', node);
  if (state !== '') query.set('state', state);
  const last = after.at(-1);
  if (last !== undefined) query.set('after', last);
  return get(`/api/v1/proxies?${query.toString()}`);
}

/** Ends all holds of the guard. */
export function releaseGuard(): Promise<GuardRelease> {
  return ask('/api/v1/guard/release', { method: 'POST' });
}

/** Callbacks for the events of the server. */
export interface Listener {
  readonly state: (event: ServerEvent) => void;
  readonly rollout: (rollout: RolloutDetail) => void;
  readonly connected: (isConnected: boolean) => void;
}

/** Time until a rejected client tries again, in milliseconds. */
const retryMs = 3_000;

/** Receives events until the page is closed. */
export function listen(listener: Listener): void {
  const { state, rollout, connected } = listener;
  const source = new EventSource('/api/v1/events');
  source.addEventListener('open', () => connected(true));
  source.addEventListener('error', () => {
    connected(false);
    // The browser reconnects by itself after a broken connection, but not after another response.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(listener), retryMs);
  });
  source.addEventListener('state', ({ data }: MessageEvent<string>) =>
    state(JSON.parse(data) as ServerEvent),
  );
  source.addEventListener('rollout', ({ data }: MessageEvent<string>) =>
    rollout(JSON.parse(data) as RolloutDetail),
  );
}

function get<Answer>(path: string): Promise<Answer> {
  return ask(path, {});
}

/** @throws {Error} with the server's message, if the response is an error. */
async function ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(path, init);
  const answer = (await response.json()) as Answer & { readonly error?: { readonly message: string } };
  if (!response.ok) throw new Error(answer.error?.message ?? `${path}: ${response.status}`);
  return answer;
}
