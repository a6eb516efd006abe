// As Envoy 1.36 to 1.40 word their reasons; the first that fits counts.
const patterns = [
  // A certificate that we sent.
  ['trusted-ca', /Failed to load trusted CA|Failed to create x509 object/],
  ['trust-domain', /Multiple trust bundles/],
  // The proxy's own certificate, next to which ours are loaded.
  ['own-certificate', /certificate chain|private key/i],
  ['file', /Invalid path/],
  ['validator', /certificate validator|Proto constraint validation/],
  ['resource', /Unexpected SDS secret|duplicate name|type URL/],
] as const;

/** What kind of reason a proxy gave for a refusal: a few fixed values, since it becomes a label. */
export type RefusalClass = (typeof patterns)[number][0] | 'other';

/** The class of a proxy's message. */
export function classifyRefusal(message: string): RefusalClass {
  // A peer's text: only its beginning is looked at.
  const text = message.slice(0, 2000);
  return patterns.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}
