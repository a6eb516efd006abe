/**
 * Returns a function that runs `step` once all earlier runs have ended, so that an older reading never arrives after a
 * newer one. A run that fails rejects its own promise, and the runs after it are not affected.
 */
export function oneAtATime(step: () => Promise<void>): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return () => {
    last = last.then(step, step);
    return last;
  };
}
