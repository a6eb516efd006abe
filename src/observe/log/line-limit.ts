/** Whether a line may be written, and how many were not since the last one that was. */
export interface LineLimit {
  admit(): { readonly admitted: boolean; readonly suppressed: number };
}

/** Admits at most `lines` in each window of `windowMs`: what peers do must not fill a disk. */
export function createLineLimit(lines: number, windowMs: number, now: () => number): LineLimit {
  let windowStart = -Infinity;
  let used = 0;
  let suppressed = 0;
  return {
    admit() {
      const time = now();
      if (time - windowStart >= windowMs) {
        windowStart = time;
        used = 0;
      }
      if (used >= lines) {
        suppressed += 1;
        return { admitted: false, suppressed };
      }
      used += 1;
      const before = suppressed;
      suppressed = 0;
      return { admitted: true, suppressed: before };
    },
  };
}
