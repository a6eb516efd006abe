const namePattern = /^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/;

const nameRule =
  "must be at most 253 lower case letters, digits, '-', '_' or '.', and begin and end with a letter or digit";

/** Returns the rule that the name of a resource or a mesh breaks, or `undefined`. */
export function invalidName(name: string): string | undefined {
  return namePattern.test(name) ? undefined : nameRule;
}
