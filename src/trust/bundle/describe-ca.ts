import type { Certificate } from '../x509/certificate.ts';

/** Characters of a subject that a sentence quotes: a subject can have thousands. */
const longestSubject = 200;

/** Names a CA at the beginning of a sentence: by its subject, or by its fingerprint if the subject is empty. */
export function describeCa({ subject, fingerprint }: Certificate): string {
  if (subject === '') return `CA ${fingerprint.slice(0, 16)}`;
  return `CA ${subject.length <= longestSubject ? subject : `${subject.slice(0, longestSubject - 1)}…`}`;
}
