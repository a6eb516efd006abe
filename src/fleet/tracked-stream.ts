import type { Outgoing, StreamInfo } from '../xds/index.ts';
import type { EndedStream, ProxyRecord, SecretRecord, StreamRecord } from './records.ts';

/** A record that the tracker changes in place. */
export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** A stream of a connected proxy. */
export interface TrackedStream extends Mutable<Omit<StreamRecord, 'secrets'>> {
  readonly proxy: TrackedProxy;
  /** True while the stream is subscribed to any secret. */
  isSubscribed: boolean;
  readonly secrets: Map<string, Mutable<SecretRecord>>;
  /** The secret that was looked up last. Most streams have only this one, so the map is rarely read. */
  lastName: string;
  last: Mutable<SecretRecord> | undefined;
}

/** A connected proxy. */
export interface TrackedProxy extends Mutable<Omit<ProxyRecord, 'streams' | 'refused' | 'ended'>> {
  readonly key: string;
  readonly streams: Set<TrackedStream>;
  refused: Map<string, readonly string[]>;
  /** Streams that ended since the last one was opened, latest last. */
  ended: EndedStream[];
  endedSize: number;
}

/** Creates the record of a stream without secrets. */
export function trackStream(info: StreamInfo, since: number, proxy: TrackedProxy): TrackedStream {
  return {
    info,
    since,
    awaiting: false,
    isSubscribed: false,
    secrets: new Map(),
    proxy,
    lastName: '',
    last: undefined,
  };
}

/** Returns the record of a secret; `undefined` if the stream is not subscribed to it or was not sent it. */
export function findSecret(stream: TrackedStream, name: string): Mutable<SecretRecord> | undefined {
  if (stream.last !== undefined && stream.lastName === name) return stream.last;
  const secret = stream.secrets.get(name);
  if (secret === undefined) return undefined;
  stream.lastName = name;
  stream.last = secret;
  return secret;
}

/** Returns the record of a secret. Creates it if it does not exist. */
export function secretOf(stream: TrackedStream, name: string): Mutable<SecretRecord> {
  const known = findSecret(stream, name);
  if (known !== undefined) return known;
  const secret = {
    sent: undefined,
    sentAt: 0,
    acked: undefined,
    ackedAt: 0,
    ackMs: undefined,
    unanswered: undefined,
  };
  stream.secrets.set(name, secret);
  stream.lastName = name;
  stream.last = secret;
  return secret;
}

/** Removes the record of a secret. */
export function forgetSecret(stream: TrackedStream, name: string): void {
  stream.secrets.delete(name);
  if (stream.lastName === name) stream.last = undefined;
}

/** Records a response. `at`: epoch milliseconds. */
export function noteSent(stream: TrackedStream, { resources, removed, nonce }: Outgoing, at: number): void {
  stream.awaiting = false;
  for (const { name, version } of resources) {
    const secret = secretOf(stream, name);
    secret.sent = version;
    secret.sentAt = at;
    // A proxy already has a version that it acknowledged, unless a response with another one is on its way.
    if (secret.unanswered !== undefined || version !== secret.acked) secret.unanswered = nonce;
  }
  for (const name of removed) {
    const secret = stream.secrets.get(name);
    if (secret === undefined) continue;
    secret.sent = undefined;
    secret.unanswered = nonce;
  }
}

/** Records that the proxy answered a response. Returns false if a later one with the secret is on its way. */
export function noteAnswer(secret: Mutable<SecretRecord>, nonce: string): boolean {
  if (secret.unanswered === nonce) secret.unanswered = undefined;
  return secret.unanswered === undefined;
}
