/** A distinguished name for people: what identifies it, and the rest. */
export interface SubjectName {
  readonly title: string;
  readonly rest: string;
}

/** Splits a distinguished name (RFC 4514) into its common name and the rest. Without a common name it stays whole. */
export function splitSubject(subject: string): SubjectName {
  if (subject === '') return { title: '(no subject)', rest: '' };
  const parts = subject.match(/(?:\\.|[^\\,])+/gsu) ?? [];
  const index = parts.findIndex((part) => part.startsWith('CN='));
  const found = parts[index];
  if (found === undefined) return { title: subject, rest: '' };
  return {
    // Only special characters are unescaped: hexadecimal pairs may be control characters.
    title: found.slice('CN='.length).replaceAll(/\\([^0-9A-Fa-f])/gsu, '$1'),
    rest: parts.filter((_, other) => other !== index).join(', '),
  };
}
