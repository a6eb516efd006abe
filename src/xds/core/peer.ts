/** The client certificate of a connection. The client has proved that it has the private key. */
export interface PeerCertificate {
  /** The attributes of the subject, one per line, such as `CN=proxy`. */
  readonly subject: string;
  /** The subject alternative names, such as `URI:spiffe://a.test/proxy, DNS:a.test`. */
  readonly subjectaltname?: string | undefined;
  /** The certificate as DER. */
  readonly raw: Uint8Array;
  /** The certificates that the client sent after it, as DER, each before its issuer. */
  readonly chain: readonly Uint8Array[];
  /** True if TLS has verified it with the CA certificates of the listener. Otherwise its names are not proven. */
  readonly isVerified: boolean;
}

/** The metadata of a request: `Metadata` of grpc-js has this method. */
export interface PeerMetadata {
  /** Returns all values of a key, in order. Values of keys that end in `-bin` are bytes. */
  get(key: string): readonly (string | Uint8Array)[];
}

/** The client of a stream or of a unary call, as its connection and its headers describe it. */
export interface XdsPeer {
  /** `ADDRESS:PORT`, or another name of the client if it has no address. */
  readonly address: string;
  /** `undefined` without TLS and without a client certificate. */
  readonly certificate: PeerCertificate | undefined;
  readonly metadata: PeerMetadata;
}

/** The peer of a session without a connection. */
export const unknownPeer: XdsPeer = {
  address: 'unknown',
  certificate: undefined,
  metadata: { get: () => [] },
};
