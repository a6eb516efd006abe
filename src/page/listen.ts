import type { ServerEvent } from '../api/event-types.ts';
import type { RolloutDetail } from '../api/fleet-api-types.ts';

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
