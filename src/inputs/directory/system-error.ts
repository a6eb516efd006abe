/** Returns true if the error means that a path, or one of its directories, does not exist. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Describes an error of the system in one line, without the path, which the report already contains. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (!(error instanceof Error)) return String(error);
  return code === undefined ? error.message : (error.message.split(',', 1)[0] ?? code);
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
