/** A certificate that Envoy loads and takes as a CA. Plain data, made by `readCertificate` alone. */
export interface Certificate {
  /** SHA-256 of the DER, lower-case hex: the certificate's identity. */
  readonly fingerprint: string;
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex: the identity of its key, whatever certifies it. */
  readonly keyHash: string;
  readonly der: Uint8Array;
  /** The subject on one line, last attribute first (RFC 4514). For people: names are compared by their DER. */
  readonly subject: string;
  /** The issuer, as `subject`. */
  readonly issuer: string;
  /** The subject Name as encoded. */
  readonly subjectDer: Uint8Array;
  /** The issuer Name as encoded. */
  readonly issuerDer: Uint8Array;
  /** The SubjectPublicKeyInfo as encoded. */
  readonly publicKeyDer: Uint8Array;
  /** The serial number, lower-case hex of its DER contents. */
  readonly serial: string;
  /** First moment of validity, milliseconds since 1970. */
  readonly notBefore: number;
  /** Last moment of validity (its second counts), milliseconds since 1970. */
  readonly notAfter: number;
  /** The kind of key for people, e.g. `RSA 2048`, `EC P-256`, `Ed25519`. */
  readonly keyAlgorithm: string;
  /** Issuer and subject are the same bytes. */
  readonly selfIssued: boolean;
  /** Self-issued, and its own key verifies its signature. */
  readonly selfSigned: boolean;
  /** Subject key identifier, lower-case hex. */
  readonly subjectKeyId: string | undefined;
  /** Key identifier of the authority key identifier, lower-case hex. */
  readonly authorityKeyId: string | undefined;
}
