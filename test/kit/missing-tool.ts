/** A tool that a test needs and that is not available. */
export interface MissingTool {
  readonly kind: 'missing';
  /** The line that the skipped test shows. */
  readonly reason: string;
}

/**
 * Returns the reason for which tests without their tool are skipped.
 * @throws the cause, if `CI` is set: a skipped test must not look like a passed one there.
 */
export function missingTool(what: string, error: unknown, { CI = '' } = process.env): MissingTool {
  if (CI !== '') throw error;
  return { kind: 'missing', reason: `${what}: ${error instanceof Error ? error.message : String(error)}` };
}
