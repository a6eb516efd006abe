/** What kind of reason a proxy gave for a refusal: a few fixed values, since it becomes a label. */
export type RefusalClass = (typeof patterns)[number][0] | 'other';

// As Envoy 1.36 to 1.40 word them.
const patterns = [
  ['trusted-ca', /Failed to load trusted CA/],
  ['trust-domain', /trust domain/i],
  ['certificate', /certificate chain|private key|TLS certificate/i],
  ['file', /Invalid path/],
  ['unexpected', /Unexpected SDS secret|mismatch|Unexpected SDS/i],
] as const;

/** The class of a proxy's message. */
export function classifyRefusal(message: string): RefusalClass {
  // A peer's text: only its beginning is looked at.
  const text = message.slice(0, 2000);
  return patterns.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other';
}
