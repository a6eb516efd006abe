// Error messages of Envoy 1.36 to 1.40. The first pattern that matches decides.
const patterns = [
  // A CA certificate that meshtrust sent.
  ['trusted-ca', /Failed to load trusted CA|Failed to create x509 object/],
  ['trust-domain', /Multiple trust bundles/],
  // The proxy's own certificate, which Envoy loads together with the trust bundle.
  ['own-certificate', /certificate chain|private key/i],
  ['file', /Invalid path/],
  ['validator', /certificate validator|Proto constraint validation/],
  ['resource', /Unexpected SDS secret|duplicate name|type URL/],
] as const;

/** The class of the reason of a NACK. The values are few and fixed, because they become a label. */
export type RefusalClass = (typeof patterns)[number][0] | 'other';

/** Returns the class of the error message in a NACK. */
export function classifyRefusal(message: string): RefusalClass {
  // The text comes from a peer: only its beginning is matched.
  const text = message.slice(0, 2000);
  return patterns.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}
