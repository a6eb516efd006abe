import type { Acked, Nacked, Quoted } from '../xds/index.ts';
import { plainText } from '../text/plain-text.ts';
import { forgetRefused, noteRefused } from './records.ts';
import type { RefusalRecord, SecretRecord } from './records.ts';
import { findSecret, forgetSecret, noteAnswer, secretOf } from './tracked-stream.ts';
import type { Mutable, TrackedStream } from './tracked-stream.ts';

/** Records what a proxy says about its secrets: which versions it has, rejected, or does not want any more. */
export interface AnswerNotes {
  /** The proxy acknowledged a secret, or its removal. */
  accept(stream: TrackedStream, ack: Pick<Acked, 'name' | 'version' | 'nonce' | 'unconfirmed'>): void;
  /** The proxy subscribed to a secret with the version that it already has. */
  quote(stream: TrackedStream, quoted: Quoted): void;
  /** The proxy rejected a response. */
  refuse(stream: TrackedStream, nack: Nacked): void;
  /** The proxy unsubscribed from a secret. */
  drop(stream: TrackedStream, name: string): void;
}

/** The longest message of a proxy that is kept, in characters. */
const messageLength = 1_000;

/** Creates the notes of all streams. `now`: epoch milliseconds. An ACK costs a few look-ups and no allocation. */
export function createAnswerNotes(now: () => number): AnswerNotes {
  /** True once any proxy has rejected a version. Until then, an ACK does not look for rejected versions. */
  let hasRefusals = false;

  function accept(
    stream: TrackedStream,
    ack: Pick<Acked, 'name' | 'version' | 'nonce' | 'unconfirmed'>,
  ): void {
    const { name, version, nonce, unconfirmed } = ack;
    const secret = findSecret(stream, name);
    // The proxy unsubscribed while the response was on its way, so it does not follow the secret any more.
    if (secret === undefined) return;
    const isNewest = noteAnswer(secret, nonce);
    if (version === undefined) return acceptRemoval(stream, secret, name, isNewest);
    if (unconfirmed) return noteUnconfirmed(stream, name, version);
    const at = now();
    hold(
      stream,
      secret,
      name,
      version,
      secret.sent === version ? Math.max(0, at - secret.sentAt) : undefined,
    );
  }

  /** The proxy acknowledged that the secret was removed. */
  function acceptRemoval(
    stream: TrackedStream,
    secret: Mutable<SecretRecord>,
    name: string,
    isNewest: boolean,
  ): void {
    if (!isNewest) return;
    // A proxy that rejected all versions gets a removal so that it can start. It has no version of the secret.
    if (stream.proxy.refused.has(name)) secret.acked = undefined;
    else forgetSecret(stream, name);
  }

  function quote(stream: TrackedStream, { name, version, unconfirmed }: Quoted): void {
    stream.awaiting = false;
    const secret = secretOf(stream, name);
    if (unconfirmed) noteUnconfirmed(stream, name, version);
    else hold(stream, secret, name, version, undefined);
  }

  /** An Envoy acknowledges rejected bytes when it receives them again, but keeps the previous ones in force. */
  function noteUnconfirmed({ proxy }: TrackedStream, name: string, version: string): void {
    hasRefusals = true;
    noteRefused(proxy, name, version);
  }

  function hold(
    { proxy }: TrackedStream,
    secret: Mutable<SecretRecord>,
    name: string,
    version: string,
    ackMs: number | undefined,
  ): void {
    if (hasRefusals && proxy.refused.size > 0) forgetRefused(proxy, name, version);
    secret.ackMs = ackMs;
    secret.acked = version;
    secret.ackedAt = now();
  }

  function refuse(stream: TrackedStream, { resources, nonce, code, message }: Nacked): void {
    const { proxy } = stream;
    proxy.nacks += 1;
    const { name = '', version } = resources[0] ?? {};
    const record: RefusalRecord = {
      at: now(),
      name,
      version,
      code,
      message: plainText(message, messageLength),
    };
    proxy.lastNack = record;
    hasRefusals = true;
    for (const resource of resources) {
      const secret = findSecret(stream, resource.name);
      if (secret !== undefined) noteAnswer(secret, nonce);
      if (resource.version !== undefined) noteRefused(proxy, resource.name, resource.version);
    }
  }

  function drop(stream: TrackedStream, name: string): void {
    const { proxy } = stream;
    forgetSecret(stream, name);
    if (proxy.refused.size === 0) return;
    // The proxy does not have to accept a name that it no longer subscribes to.
    if (!proxy.streams.values().some((other) => other.secrets.has(name))) proxy.refused.delete(name);
  }

  return { accept, quote, refuse, drop };
}
