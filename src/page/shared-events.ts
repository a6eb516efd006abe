import type { SharedMessage } from './event-share.ts';
import type { Listener } from './event-stream.ts';

/** The connection of a tab to the shared worker. */
export interface SharedPort {
  /** Asks the worker for a sign of life. */
  readonly ping: () => void;
  readonly close: () => void;
}

export interface ShareOptions {
  /**
   * Connects to the worker; `undefined` in a browser without shared workers. `failed` is called
   * later if the worker cannot be loaded.
   */
  readonly connect: (
    received: (message: SharedMessage) => void,
    failed: () => void,
  ) => SharedPort | undefined;
  /** Listens to the events without the worker. */
  readonly alone: () => void;
  /** Calls a function once after a time in milliseconds. */
  readonly after: (milliseconds: number, work: () => void) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Time between two pings, in milliseconds. */
const pingMs = 10_000;
/** Unanswered pings after which the worker counts as dead. More than one: a tab that was frozen has an old one. */
const mostPings = 2;

/**
 * Receives the events of the shared worker until the page is closed. A tab whose worker fails, or is silent, listens
 * alone from then on.
 */
export function listenShared(listener: Listener, { connect, alone, after, now }: ShareOptions): void {
  let isOver = false;
  let unanswered = 0;
  const fail = (): void => {
    if (isOver) return;
    isOver = true;
    port?.close();
    alone();
  };
  const port = connect((message) => {
    if (isOver) return;
    unanswered = 0;
    deliver(message, listener, now());
  }, fail);
  if (port === undefined) return fail();

  function ping(): void {
    if (isOver) return;
    if (unanswered >= mostPings) return fail();
    unanswered += 1;
    port?.ping();
    after(pingMs, ping);
  }
  ping();
}

function deliver(message: SharedMessage, listener: Listener, now: number): void {
  switch (message.kind) {
    case 'connected':
      return listener.connected();
    case 'lost':
      return listener.lost(now - message.age);
    case 'state':
      return listener.state(message.event);
    case 'rollout':
      return listener.rollout(message.rollout);
    case 'alive':
  }
}

/** The visibility of a tab. */
export interface Visibility {
  readonly isVisible: () => boolean;
  /** Calls a function at each change. */
  readonly follow: (changed: () => void) => void;
}

/**
 * Listens alone while the tab is visible: many hidden tabs with streams would leave no connection for the visible one.
 * `start` begins to listen, and returns the function that ends it. While the tab is hidden, its events are lost.
 */
export function listenWhileVisible(
  start: () => () => void,
  { lost }: Pick<Listener, 'lost'>,
  { visibility, now }: { readonly visibility: Visibility; readonly now: () => number },
): void {
  let stop: (() => void) | undefined;
  const follow = (): void => {
    if (visibility.isVisible()) stop ??= start();
    else if (stop !== undefined) {
      stop();
      stop = undefined;
      lost(now());
    }
  };
  visibility.follow(follow);
  follow();
}
