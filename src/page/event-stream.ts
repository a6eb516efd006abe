import type { RolloutDetail } from '../api/fleet-api-types.ts';
import type { ServerEvent } from '../api/event-types.ts';

/** Callbacks for the events of the server. */
export interface Listener {
  readonly state: (event: ServerEvent) => void;
  readonly rollout: (rollout: RolloutDetail) => void;
  /** Called for each new connection. Its first events are the newest ones. */
  readonly connected: () => void;
  /** Called when the connection is lost. `at`: the time up to which the server was heard. */
  readonly lost: (at: number) => void;
}

/** The parts of an `EventSource` that are used. */
export interface EventStream {
  readonly readyState: number;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: string, listener: (event: MessageEvent<string>) => void): void;
  close(): void;
}

export interface ListenOptions {
  /** Opens a stream of events. */
  readonly open: () => EventStream;
  /** Requests anything from the server. Rejects if the server does not answer. */
  readonly probe: () => Promise<unknown>;
  /** Calls a function once after a time in milliseconds. */
  readonly after: (milliseconds: number, work: () => void) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Time until a closed stream is opened again, and between two probes of an open one, in milliseconds. */
const times = { retry: 3_000, probe: 15_000 } as const;
/** The value of `EventSource.CLOSED`. */
const closed = 2;

/**
 * Receives events until the returned function is called. A connection that broke without a sign, such as that of a
 * computer that slept, brings no events and no error, and a browser does not show the comments of the server: so the
 * server is also asked from time to time.
 */
export function listen(listener: Listener, options: ListenOptions): () => void {
  const { state, rollout, connected, lost } = listener;
  const { open, probe, after, now } = options;
  const stream = open();
  let heardAt = now();
  let isOver = false;
  /** Ends the next stream, if there is one. */
  let stopNext: (() => void) | undefined;
  let isStopped = false;

  function openAgain(): void {
    if (isOver) return;
    isOver = true;
    stream.close();
    after(times.retry, () => {
      if (!isStopped) stopNext = listen(listener, options);
    });
  }

  function probeLater(): void {
    after(times.probe, () => {
      if (isOver) return;
      probe().then(
        () => {
          heardAt = now();
          probeLater();
        },
        () => {
          if (isOver) return;
          lost(heardAt);
          openAgain();
        },
      );
    });
  }

  function on(type: string, deliver: (event: unknown) => void): void {
    stream.addEventListener(type, ({ data }: MessageEvent<string>) => {
      heardAt = now();
      deliver(JSON.parse(data));
    });
  }

  stream.addEventListener('open', () => {
    heardAt = now();
    connected();
  });
  stream.addEventListener('error', () => {
    if (isOver) return;
    lost(now());
    // The browser reconnects by itself after a broken connection, but not after another response.
    if (stream.readyState === closed) openAgain();
  });
  on('state', (event) => state(event as ServerEvent));
  on('rollout', (event) => rollout(event as RolloutDetail));
  probeLater();
  return () => {
    isStopped = true;
    isOver = true;
    stream.close();
    stopNext?.();
  };
}
