import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { PeerCertificate, XdsPeer } from '../core/peer.ts';
import type { StreamLink } from './stream-link.ts';

/** The certificates of connections: a connection may have hundreds of streams. */
const known = new WeakMap<object, PeerCertificate | 'none'>();

/** Returns the client certificate of a connection; `undefined` without TLS or without a certificate. */
function certificateOf(socket: unknown): PeerCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  let certificate = known.get(socket);
  if (certificate === undefined) known.set(socket, (certificate = readCertificate(socket) ?? 'none'));
  return certificate === 'none' ? undefined : certificate;
}

function readCertificate(socket: TLSSocket): PeerCertificate | undefined {
  // `getPeerCertificate` would read every field, keys and fingerprints included.
  const certificate = socket.getPeerX509Certificate();
  return certificate && new SocketCertificate(socket, certificate);
}

/** A certificate and the chain that the client sent after it, as DER. */
interface Sent {
  readonly raw: Uint8Array;
  readonly chain: readonly Uint8Array[];
}

function readSent(certificate: X509Certificate): Sent {
  const chain: Uint8Array[] = [];
  for (let next = certificate.issuerCertificate; next !== undefined; next = next.issuerCertificate)
    chain.push(next.raw);
  return { raw: certificate.raw, chain };
}

/**
 * The longest chain that is not kept. Node.js copies all certificates of a chain to read one: 200 of them take 17 ms,
 * and each stream reads them.
 */
const shortChain = 8;

/** Keeps no DER: thousands of connections would keep megabytes that are needed only at the start of a stream. */
class SocketCertificate implements PeerCertificate {
  readonly #socket: TLSSocket;
  /** Only a chain of unusual length. TLS keeps several times as much memory of it. */
  readonly #kept: Sent | undefined;
  readonly subject: string;
  readonly subjectaltname: string | undefined;
  readonly isVerified: boolean;

  constructor(socket: TLSSocket, certificate: X509Certificate) {
    const sent = readSent(certificate);
    // Its type does not say so: an SVID may have an empty subject, which is `undefined`.
    const subject: string | undefined = certificate.subject;
    this.#socket = socket;
    this.#kept = sent.chain.length > shortChain ? sent : undefined;
    this.subject = subject ?? '';
    this.subjectaltname = certificate.subjectAltName;
    this.isVerified = socket.authorized;
  }

  /** Empty once the connection is closed. */
  get raw(): Uint8Array {
    return this.#sent()?.raw ?? new Uint8Array();
  }

  /** Empty once the connection is closed. */
  get chain(): readonly Uint8Array[] {
    return this.#sent()?.chain ?? [];
  }

  #sent(): Sent | undefined {
    if (this.#kept !== undefined) return this.#kept;
    const certificate = this.#socket.getPeerX509Certificate();
    return certificate && readSent(certificate);
  }
}

/** The source of the data about a client: the link of a stream, or a unary call. */
type ClientLink = Pick<StreamLink, 'address' | 'metadata' | 'socket'>;

/** The client of a stream or call. Reads the link when asked: each stream has one. */
export class LinkPeer implements XdsPeer {
  readonly #link: ClientLink;

  constructor(link: ClientLink) {
    this.#link = link;
  }

  get address(): string {
    return this.#link.address;
  }

  get certificate(): PeerCertificate | undefined {
    return certificateOf(this.#link.socket);
  }

  get metadata(): XdsPeer['metadata'] {
    return this.#link.metadata;
  }
}

/**
 * Returns the identity of a client as the server sees it, for `StreamInfo.origin`. It excludes the fingerprint of the
 * certificate: a proxy gets a new certificate every few hours, and stays the same proxy.
 */
export function originOf({ certificate, address }: XdsPeer): string {
  if (certificate?.isVerified !== true) return hostOf(address);
  const { subject, subjectaltname } = certificate;
  return JSON.stringify({ subject, subjectaltname });
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Removes the port from an address: a client reconnects from another port. */
function hostOf(address: string): string {
  let end = address.length;
  while (end > 0 && isDigit(address.charCodeAt(end - 1))) end -= 1;
  return end < address.length && address[end - 1] === ':' ? address.slice(0, end - 1) : address;
}
