import type { Certificate } from '../x509/certificate.ts';

/** The number of characters of a subject that a sentence quotes: a subject can have thousands. */
const longestSubject = 200;

/** Returns `CA` and the subject, or the fingerprint if the subject is empty. Sentences about a CA begin with it. */
export function describeCa({ subject, fingerprint }: Certificate): string {
  if (subject === '') return `CA ${fingerprint.slice(0, 16)}`;
  return `CA ${subject.length <= longestSubject ? subject : `${subject.slice(0, longestSubject - 1)}…`}`;
}
