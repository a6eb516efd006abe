import type { Logger } from './log.ts';

/** Returns the function to call when a followed file changes again and again. It writes a line. */
export function logRestlessFile(log: Logger, path: string): () => void {
  return () =>
    log.warn(
      { event: 'file-restless', path },
      `${path} changes again and again: its newest content that can be used applies`,
    );
}
