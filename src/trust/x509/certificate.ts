/** A certificate that Envoy loads and takes as a CA. Plain data, made by `readCertificate` alone. */
export interface Certificate {
  /** SHA-256 of the DER, lower-case hex: the certificate's identity. */
  readonly fingerprint: string;
  /**
   * SHA-256 of the SubjectPublicKeyInfo, lower-case hex: the identity of its key, whatever certifies it. A compressed
   * point is hashed as if it were not, so that each key has one identity.
   */
  readonly keyHash: string;
  /** SHA-256 of the SubjectPublicKeyInfo as encoded, if its point is compressed: what other tools print. */
  readonly compressedKeyHash: string | undefined;
  readonly der: Uint8Array;
  /** The subject on one line, last part first (RFC 4514). For people: names are compared by their DER. */
  readonly subject: string;
  /** The issuer, as `subject`. */
  readonly issuer: string;
  /** The subject Name as encoded. */
  readonly subjectDer: Uint8Array;
  /** The issuer Name as encoded. */
  readonly issuerDer: Uint8Array;
  /** The SubjectPublicKeyInfo as encoded. */
  readonly publicKeyDer: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** The serial number, lower-case hex of its DER contents; it can be negative. */
  readonly serial: string;
  /** First moment of validity, milliseconds since 1970. */
  readonly notBefore: number;
  /** The end of validity as it is written: Envoy refuses it from this moment on; milliseconds since 1970. */
  readonly notAfter: number;
  /** The kind of key for people: `RSA 2048`, `ECDSA P-256`, `Ed25519`. */
  readonly keyAlgorithm: string;
  /** Issuer and subject are the same bytes. */
  readonly selfIssued: boolean;
  /**
   * Envoy ends a chain here: self-issued, and its authority key identifier, if it has one, does not name another
   * certificate (with such a one no chain ends, even under a true root). An anchor's own signature does not count.
   */
  readonly selfSigned: boolean;
  /** Subject key identifier, lower-case hex. */
  readonly subjectKeyId: string | undefined;
  /** Key identifier of the authority key identifier, lower-case hex. */
  readonly authorityKeyId: string | undefined;
  /** Serial number in the authority key identifier, as `serial`. */
  readonly authoritySerial: string | undefined;
  /** Name of the issuer's issuer in the authority key identifier, as encoded. */
  readonly authorityIssuerDer: Uint8Array | undefined;
  /** How many intermediates may follow; `undefined` without a limit. Envoy does not enforce it on anchors. */
  readonly pathLength: number | undefined;
  /** Whether it has name constraints, which Envoy does enforce. */
  readonly nameConstraints: boolean;
  /**
   * Below another anchor, Envoy demands a certificate policy of its clients, or refuses all of them for an invalid
   * extension about policies. At the end of a path these extensions do not count.
   */
  readonly demandsPolicy: boolean;
  /** Whether Envoy verifies signatures of the algorithm, and with the parameters, by which it was signed. */
  readonly signatureSupported: boolean;
}
