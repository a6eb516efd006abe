import type { RolloutDetail } from '../api/fleet-api-types.ts';
import type { AliveEvent, ServerEvent } from '../api/event-types.ts';

/** Callbacks for the events of the server. */
export interface Listener {
  readonly state: (event: ServerEvent) => void;
  readonly rollout: (rollout: RolloutDetail) => void;
  /** Called for each new connection. Its first events are the newest ones. */
  readonly connected: () => void;
  /** Called when the connection is lost, and for each failed attempt after that. `at`: until when it was good. */
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
  /** Calls a function once after a time in milliseconds. */
  readonly after: (milliseconds: number, work: () => void) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Time until a closed stream is opened again, and between two checks of a stream without a heartbeat yet, in ms. */
const times = { retry: 3_000, check: 5_000 } as const;
/**
 * Checks without an event after which a stream is lost. They are counted instead of the time since the last event: the
 * timers of a frozen tab or a sleeping computer stop, and so does the delivery of events. A late check counts as one,
 * and at most one was counted before it, so two heartbeats can arrive after the resume.
 */
const mostQuiet = 4;
/** The value of `EventSource.CLOSED`. */
const closed = 2;

/**
 * Receives events until the returned function is called. A connection that broke without a sign, for example in a proxy
 * or while the computer slept, brings no events and no error. So it counts as lost, and another one is opened, if it
 * brings no heartbeat for some checks in turn. A server of version 0.1.0 sends none: its streams are not checked after
 * their first event.
 */
export function listen(
  { state, rollout, connected, lost }: Listener,
  { open, after, now }: ListenOptions,
): () => void {
  let heardAt = now();
  let isStopped = false;
  let closeStream = connect();

  /** Opens a stream, and returns the function that closes it. */
  function connect(): () => void {
    const stream = open();
    /** Whether the server of this connection sends heartbeats: its first event is one. */
    let heartbeats: 'unknown' | 'sent' | 'missing' = 'unknown';
    let checkMs: number = times.check;
    let quietChecks = 0;
    let isOver = false;

    function close(): void {
      isOver = true;
      stream.close();
    }

    function openAgain(): void {
      close();
      after(times.retry, () => {
        if (!isStopped) closeStream = connect();
      });
    }

    function checkLater(): void {
      after(checkMs, () => {
        if (isOver) return;
        quietChecks += 1;
        if (heartbeats === 'missing' || quietChecks < mostQuiet) return checkLater();
        lost(heardAt);
        openAgain();
      });
    }

    function heard(): void {
      heardAt = now();
      quietChecks = 0;
    }

    function on(type: string, deliver: (event: unknown) => void): void {
      stream.addEventListener(type, ({ data }: MessageEvent<string>) => {
        heard();
        if (heartbeats === 'unknown') heartbeats = type === 'alive' ? 'sent' : 'missing';
        deliver(JSON.parse(data));
      });
    }

    stream.addEventListener('open', () => {
      heard();
      connected();
    });
    stream.addEventListener('error', () => {
      if (isOver) return;
      // Without heartbeats, the connection was good until now, however long ago the last event was.
      lost(heartbeats === 'missing' ? now() : heardAt);
      // The browser reconnects by itself after a broken connection, but not after another response.
      if (stream.readyState === closed) return openAgain();
      // It may reach a server of another version.
      heartbeats = 'unknown';
      quietChecks = 0;
    });
    on('alive', (event) => {
      checkMs = (event as AliveEvent).intervalSeconds * 1000;
    });
    on('state', (event) => state(event as ServerEvent));
    on('rollout', (event) => rollout(event as RolloutDetail));
    checkLater();
    return close;
  }

  return () => {
    isStopped = true;
    closeStream();
  };
}
