import type { ServerResponse } from 'node:http';
import { plainJson } from '../text/plain-text.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';
import { timerMs } from '../xds/timers/timers.ts';

/** Sends what is newest to browsers and programs that listen, as server-sent events. */
export interface EventHub {
  /**
   * Tells every client. What has the same key and was not sent yet is replaced: a slow client gets the newest
   * of each, and no queue. A new client is told the newest of each key.
   */
  publish(key: string, event: string, data: object): void;
  /**
   * Has a response carry events from now on, as long as the client may have them; or says why not.
   * `mayStay` is asked before anything is sent.
   */
  open(response: ServerResponse, mayStay?: () => boolean): Reply | undefined;
  readonly clients: number;
  close(): void;
}

export interface EventHubOptions {
  /** Told when clients come and go. */
  readonly onClients?: ((clients: number) => void) | undefined;
  readonly mostClients?: number | undefined;
  /** How often something is sent although nothing happened, so that dead connections are found; ms. */
  readonly heartbeatMs?: number | undefined;
  /** How long a client may take nothing before it is cut off, ms. */
  readonly slowMs?: number | undefined;
}

interface Client {
  readonly response: ServerResponse;
  readonly mayStay: () => boolean;
  /** Not sent yet, by key. */
  readonly pending: Map<string, string>;
  /** When the transport stopped taking more; undefined while it does. */
  blockedAt: number | undefined;
}

/** Makes a hub without clients. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function createEventHub({
  onClients = () => undefined,
  mostClients = 32,
  heartbeatMs = 15_000,
  slowMs = 30_000,
}: EventHubOptions = {}): EventHub {
  const clients = new Set<Client>();
  const latest = new Map<string, string>();
  let heart: NodeJS.Timeout | undefined;

  function write(client: Client, text: string): void {
    if (!client.mayStay()) client.response.destroy();
    else if (!client.response.write(text)) client.blockedAt = performance.now();
  }

  function flush(client: Client): void {
    for (const [key, text] of client.pending) {
      if (client.blockedAt !== undefined) return;
      client.pending.delete(key);
      write(client, text);
    }
  }

  function beat(): void {
    for (const client of clients) {
      if (client.blockedAt === undefined) write(client, ':\n\n');
      else if (performance.now() - client.blockedAt >= slowMs) client.response.destroy();
    }
  }

  function leave(client: Client): void {
    if (!clients.delete(client)) return;
    if (clients.size === 0) clearInterval(heart);
    onClients(clients.size);
  }

  return {
    publish(key, event, data) {
      // JSON has no line breaks, so one line holds it.
      const text = `event: ${event}\ndata: ${plainJson(JSON.stringify(data))}\n\n`;
      if (latest.get(key) === text) return;
      latest.set(key, text);
      for (const client of clients) {
        client.pending.set(key, text);
        flush(client);
      }
    },
    open(response, mayStay = () => true) {
      if (clients.size >= mostClients) {
        return errorReply('too-many-clients', `${mostClients} clients listen to events already`);
      }
      const client: Client = { response, mayStay, pending: new Map(latest), blockedAt: undefined };
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
        // When the server ends, nothing else is to be waited for on the connection.
        Connection: 'close',
      });
      response.on('drain', () => {
        client.blockedAt = undefined;
        flush(client);
      });
      response.on('close', () => leave(client));
      clients.add(client);
      if (clients.size === 1) heart = setInterval(beat, timerMs(heartbeatMs)).unref();
      // Lets the client know at once that it is connected.
      write(client, ':\n\n');
      flush(client);
      onClients(clients.size);
      return undefined;
    },
    get clients() {
      return clients.size;
    },
    close() {
      clearInterval(heart);
      for (const { response } of clients) response.end();
    },
  };
}
