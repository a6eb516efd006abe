/** A rate of bytes: as many per second on average, and as many at once after a pause. */
export interface ByteRate {
  /** Takes bytes, and returns the milliseconds until the rate is kept again. `now` is in ms, of a monotonic clock. */
  spend(bytes: number, now: number): number;
}

/** Creates a rate that nothing was taken from. */
export function createByteRate(perSecond: number): ByteRate {
  let left = perSecond;
  let at: number | undefined;
  return {
    spend(bytes, now) {
      left = Math.min(perSecond, left + ((now - (at ?? now)) * perSecond) / 1000) - bytes;
      at = now;
      return left >= 0 ? 0 : Math.ceil((-left * 1000) / perSecond);
    },
  };
}
