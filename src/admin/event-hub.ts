import type { ServerResponse } from 'node:http';
import type { AliveEvent } from '../api/event-types.ts';
import { plainJson } from '../text/plain-text.ts';
import { errorReply } from './reply.ts';
import type { Reply } from './reply.ts';
import { timerMs } from '../xds/timers/timers.ts';

/** Sends the newest events to connected browsers and programs, as server-sent events. */
export interface EventHub {
  /**
   * Sends an event to every client. It replaces an unsent event with the same key, so a slow client gets the newest
   * event of each key and has no queue. A new client gets the newest event of each key.
   */
  publish(key: string, event: string, data: object): void;
  /**
   * Sends events in this response from now on, as long as `mayStay` returns true; it is called before each event.
   * Returns the reason if the client cannot be accepted.
   */
  open(response: ServerResponse, mayStay?: () => boolean): Reply | undefined;
  readonly clients: number;
  /** Ends all streams. Events that are published later are dropped. */
  close(): void;
}

export interface EventHubOptions {
  /** Called when clients connect or disconnect. */
  readonly onClients?: ((clients: number) => void) | undefined;
  readonly mostClients?: number | undefined;
  /** Interval of heartbeats, by which both ends notice a dead connection, in milliseconds. */
  readonly heartbeatMs?: number | undefined;
  /** How long a client may read nothing before it is disconnected, in milliseconds. */
  readonly slowMs?: number | undefined;
}

/** The media type of server-sent events. */
export const eventsType = 'text/event-stream';

interface Client {
  readonly response: ServerResponse;
  readonly mayStay: () => boolean;
  /** Unsent events, by key. */
  readonly pending: Map<string, string>;
  /** When the transport stopped accepting data; undefined while it accepts data. */
  blockedAt: number | undefined;
}

/** Creates a hub without clients. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function createEventHub({
  onClients = () => undefined,
  mostClients = 32,
  heartbeatMs = 5_000,
  slowMs = 30_000,
}: EventHubOptions = {}): EventHub {
  const clients = new Set<Client>();
  const latest = new Map<string, string>();
  // An event, because scripts of a browser do not receive comments.
  const heartbeat = textOf('alive', { intervalSeconds: heartbeatMs / 1000 } satisfies AliveEvent);
  let heart: NodeJS.Timeout | undefined;

  function write(client: Client, text: string): void {
    // After `close`, the end of the stream is on its way. Another write would be an error that ends the process.
    if (client.response.writableEnded) return;
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
      if (client.blockedAt === undefined) write(client, heartbeat);
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
      const text = textOf(event, data);
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
        'Content-Type': eventsType,
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
        // At the end of the server there is nothing else to wait for on this connection.
        Connection: 'close',
      });
      response.on('drain', () => {
        client.blockedAt = undefined;
        flush(client);
      });
      response.on('close', () => leave(client));
      clients.add(client);
      if (clients.size === 1) heart = setInterval(beat, timerMs(heartbeatMs)).unref();
      write(client, heartbeat);
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

function textOf(event: string, data: object): string {
  // JSON has no line breaks, so one line holds it.
  return `event: ${event}\ndata: ${plainJson(JSON.stringify(data))}\n\n`;
}
