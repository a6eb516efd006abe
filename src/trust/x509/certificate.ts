/** A certificate that Envoy loads and accepts as a CA. Plain data, made only by `readCertificate`. */
export interface Certificate {
  /** SHA-256 of the DER, lower-case hex: the certificate's identity. */
  readonly fingerprint: string;
  /**
   * SHA-256 of the SubjectPublicKeyInfo, lower-case hex: the identity of the key in any certificate. A compressed point
   * is hashed in its uncompressed form, so that each key has one identity.
   */
  readonly keyHash: string;
  /** SHA-256 of the SubjectPublicKeyInfo as encoded, if its point is compressed. Other tools print this hash. */
  readonly compressedKeyHash: string | undefined;
  readonly der: Uint8Array;
  /** The subject on one line, last part first (RFC 4514). Only for display: see `isSameEncodedName`. */
  readonly subject: string;
  /** The issuer, in the form of `subject`. */
  readonly issuer: string;
  /** The subject Name as encoded. */
  readonly subjectDer: Uint8Array;
  /** The issuer Name as encoded. */
  readonly issuerDer: Uint8Array;
  /** The SubjectPublicKeyInfo as encoded. */
  readonly publicKeyDer: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** The serial number, lower-case hex of its DER contents. It can be negative. */
  readonly serial: string;
  /** The first moment of validity, milliseconds since 1970. */
  readonly notBefore: number;
  /** The encoded end of validity, milliseconds since 1970. From this moment on Envoy refuses the certificate. */
  readonly notAfter: number;
  /** The type of the key for display: `RSA 2048`, `ECDSA P-256`, `Ed25519`. */
  readonly keyAlgorithm: string;
  /** Whether issuer and subject are the same name, in the comparison of BoringSSL. */
  readonly selfIssued: boolean;
  /**
   * Whether Envoy ends a chain here: the certificate is self-issued, and its authority key identifier, if present, does
   * not name another certificate. Otherwise no chain ends here, even at a real root. The signature of an anchor does
   * not matter.
   */
  readonly selfSigned: boolean;
  /** Subject key identifier, lower-case hex. */
  readonly subjectKeyId: string | undefined;
  /** Key identifier of the authority key identifier, lower-case hex. */
  readonly authorityKeyId: string | undefined;
  /** Serial number in the authority key identifier, in the form of `serial`. */
  readonly authoritySerial: string | undefined;
  /** Name of the issuer's issuer in the authority key identifier, as encoded. */
  readonly authorityIssuerDer: Uint8Array | undefined;
  /** The maximum number of intermediates below; `undefined` without a limit. Envoy does not enforce it on anchors. */
  readonly pathLength: number | undefined;
  /** Whether it has name constraints, which Envoy enforces also on anchors. */
  readonly nameConstraints: boolean;
  /**
   * Whether, below another anchor, Envoy requires a certificate policy of its clients, or refuses all of them because
   * of an invalid policy extension. At the end of a path Envoy ignores these extensions.
   */
  readonly demandsPolicy: boolean;
  /** Whether Envoy verifies signatures with the algorithm and parameters of this certificate's signature. */
  readonly signatureSupported: boolean;
}
