import type { GuardRelease, MeshDetail, MeshList } from '../api/api-types.ts';
import type { ServerEvent } from '../api/event-types.ts';
import type { ProxyList, RolloutDetail } from '../api/fleet-api-types.ts';
import type { Hints } from '../trust/findings/hints.ts';
import type { ProxyFilter } from './page-state.ts';

/** Proxies in a page of the list. */
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

/** What the server tells while it is listened to. */
export interface Listener {
  readonly state: (event: ServerEvent) => void;
  readonly rollout: (rollout: RolloutDetail) => void;
  readonly connected: (isConnected: boolean) => void;
}

/** When a listener that was turned away tries again, ms. */
const retryMs = 3_000;

/** Listens until the page is left. */
export function listen(listener: Listener): void {
  const { state, rollout, connected } = listener;
  const source = new EventSource('/api/v1/events');
  source.addEventListener('open', () => connected(true));
  source.addEventListener('error', () => {
    connected(false);
    // The browser connects again by itself where a connection broke, but not where it had another answer.
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

/** @throws {Error} with the server's own sentence, when it does not answer with what was asked for. */
async function ask<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(path, init);
  const answer = (await response.json()) as Answer & { readonly error?: { readonly message: string } };
  if (!response.ok) throw new Error(answer.error?.message ?? `${path}: ${response.status}`);
  return answer;
}
