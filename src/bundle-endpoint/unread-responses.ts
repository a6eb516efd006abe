import { clientNetwork } from './core/client-network.ts';

/** A response that its client has not read yet. */
interface UnreadResponse {
  readonly address: string;
  readonly bytes: number;
  /** Closes its connection. */
  readonly close: () => void;
}

/** Limits the bytes of responses that clients have not read yet. */
export interface UnreadResponses {
  /**
   * Returns whether another request of a client is answered. Beyond the limit, it closes responses of the client that
   * has the most unread bytes, the oldest first. That client itself is refused.
   */
  admits(address: string): boolean;
  add(response: UnreadResponse): void;
  /** Removes a response that was read, or whose connection is closed. */
  remove(response: UnreadResponse): void;
}

/** The unread responses of one client, the oldest first. */
interface Client {
  readonly responses: Set<UnreadResponse>;
  bytes: number;
}

export function createUnreadResponses(maxBytes: number): UnreadResponses {
  const clients = new Map<string, Client>();
  let total = 0;

  const remove = (response: UnreadResponse): void => {
    const network = clientNetwork(response.address);
    const client = clients.get(network);
    if (client?.responses.delete(response) !== true) return;
    client.bytes -= response.bytes;
    total -= response.bytes;
    if (client.responses.size === 0) clients.delete(network);
  };

  return {
    admits(address) {
      const own = clientNetwork(address);
      for (;;) {
        if (total <= maxBytes) return true;
        const [network, client] = [...clients].reduce((most, one) =>
          one[1].bytes > most[1].bytes ? one : most,
        );
        if (network === own) return false;
        const [oldest] = client.responses;
        if (oldest === undefined) return false;
        remove(oldest);
        oldest.close();
      }
    },
    add(response) {
      const network = clientNetwork(response.address);
      const client = clients.get(network) ?? { responses: new Set(), bytes: 0 };
      clients.set(network, client);
      client.responses.add(response);
      client.bytes += response.bytes;
      total += response.bytes;
    },
    remove,
  };
}
