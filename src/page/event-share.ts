import type { ServerEvent } from '../api/event-types.ts';
import type { RolloutDetail } from '../api/fleet-api-types.ts';
import type { Listener } from './event-stream.ts';

/** A message of the shared worker to a tab. */
export type SharedMessage =
  | { readonly kind: 'connected' }
  /** An age, because the clocks of the two may be set at different times. In milliseconds. */
  | { readonly kind: 'lost'; readonly age: number }
  | { readonly kind: 'state'; readonly event: ServerEvent }
  | { readonly kind: 'rollout'; readonly rollout: RolloutDetail }
  /** The response to a ping. */
  | { readonly kind: 'alive' };

/** Passes the events of one stream to all tabs. */
export interface EventShare {
  /** Receives the events of the stream. */
  readonly listener: Listener;
  /**
   * Sends a new tab what a new client of the server gets: the newest events, or that the connection is lost. Returns a
   * function that ends its events.
   */
  readonly join: (send: (message: SharedMessage) => void) => () => void;
}

/** Creates a share without tabs. `now`: epoch milliseconds. */
export function createEventShare(now: () => number): EventShare {
  const tabs = new Set<(message: SharedMessage) => void>();
  let connection: 'connecting' | 'live' | { readonly lostAt: number } = 'connecting';
  let state: SharedMessage | undefined;
  const rollouts = new Map<string, SharedMessage>();

  function pass<Message extends SharedMessage>(message: Message): Message {
    for (const send of tabs) send(message);
    return message;
  }

  function welcome(send: (message: SharedMessage) => void): void {
    if (connection === 'connecting') return;
    if (connection !== 'live') return send({ kind: 'lost', age: now() - connection.lostAt });
    send({ kind: 'connected' });
    if (state !== undefined) send(state);
    for (const message of rollouts.values()) send(message);
  }

  return {
    listener: {
      connected() {
        connection = 'live';
        // The server may have restarted: it sends its newest events again, and knows nothing of those before.
        state = undefined;
        rollouts.clear();
        pass({ kind: 'connected' });
      },
      lost(at) {
        connection = { lostAt: at };
        pass({ kind: 'lost', age: now() - at });
      },
      state(event) {
        state = pass({ kind: 'state', event });
      },
      rollout(rollout) {
        rollouts.set(rollout.mesh, pass({ kind: 'rollout', rollout }));
      },
    },
    join(send) {
      tabs.add(send);
      welcome(send);
      return () => void tabs.delete(send);
    },
  };
}
