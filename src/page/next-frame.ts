/** The functions of the browser that `createNextFrame` calls. */
export interface FrameOptions {
  readonly requestFrame: (work: () => void) => void;
  /** Calls a function once after a time in milliseconds. */
  readonly after: (milliseconds: number, work: () => void) => void;
}

/** The longest time until something is drawn in a tab without frames, in milliseconds. */
const longestMs = 1_000;

/**
 * Returns a function that draws with the next frame, once for several calls. A hidden tab has no frames, but its title
 * counts the problems: it draws after a second.
 */
export function createNextFrame(draw: () => void, { requestFrame, after }: FrameOptions): () => void {
  let isDue = false;
  const drawOnce = (): void => {
    if (!isDue) return;
    isDue = false;
    draw();
  };
  return () => {
    if (isDue) return;
    isDue = true;
    requestFrame(drawOnce);
    after(longestMs, drawOnce);
  };
}
