/** A tool that a test needs and cannot have. */
export interface MissingTool {
  readonly kind: 'missing';
  /** The line that the skipped test shows. */
  readonly reason: string;
}

/**
 * What becomes of tests whose tool cannot be had: they are skipped, and say why.
 * @throws what went wrong, with `CI` set: a skipped test must not look like a passed one there.
 */
export function missingTool(what: string, error: unknown, { CI = '' } = process.env): MissingTool {
  if (CI !== '') throw error;
  return { kind: 'missing', reason: `${what}: ${error instanceof Error ? error.message : String(error)}` };
}
