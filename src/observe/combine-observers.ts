import type { XdsObserver } from '../xds/index.ts';

/** Returns an observer that passes each event to all given observers, in order. */
export function combineObservers(observers: readonly XdsObserver[]): XdsObserver {
  return {
    streamsWaiting: (waiting) => {
      for (const observer of observers) observer.streamsWaiting?.(waiting);
    },
    streamRefused: (reason) => {
      for (const observer of observers) observer.streamRefused?.(reason);
    },
    connectionClosed: (reason) => {
      for (const observer of observers) observer.connectionClosed?.(reason);
    },
    streamOpened: (stream) => {
      for (const observer of observers) observer.streamOpened?.(stream);
    },
    streamClosed: (stream, end) => {
      for (const observer of observers) observer.streamClosed?.(stream, end);
    },
    request: (stream, request) => {
      for (const observer of observers) observer.request?.(stream, request);
    },
    response: (stream, response) => {
      for (const observer of observers) observer.response?.(stream, response);
    },
    acked: (stream, ack) => {
      for (const observer of observers) observer.acked?.(stream, ack);
    },
    quoted: (stream, quote) => {
      for (const observer of observers) observer.quoted?.(stream, quote);
    },
    nacked: (stream, nack) => {
      for (const observer of observers) observer.nacked?.(stream, nack);
    },
    dropped: (stream, dropped) => {
      for (const observer of observers) observer.dropped?.(stream, dropped);
    },
    slowed: (stream) => {
      for (const observer of observers) observer.slowed?.(stream);
    },
    caughtUp: (stream) => {
      for (const observer of observers) observer.caughtUp?.(stream);
    },
    cutOff: (stream, waitedMs) => {
      for (const observer of observers) observer.cutOff?.(stream, waitedMs);
    },
    fetched: (fetch) => {
      for (const observer of observers) observer.fetched?.(fetch);
    },
    fannedOut: (fannedOut) => {
      for (const observer of observers) observer.fannedOut?.(fannedOut);
    },
    failed: (stream, error) => {
      for (const observer of observers) observer.failed?.(stream, error);
    },
  };
}
