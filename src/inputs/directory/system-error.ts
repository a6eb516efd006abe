/** Whether a path, or a directory on the way to it, does not exist. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** One line that says what the system refused, without the path, which stands beside it. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  if (!(error instanceof Error)) return String(error);
  return code === undefined ? error.message : (error.message.split(',', 1)[0] ?? code);
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
