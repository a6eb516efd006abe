/** Limits how many lines are written. */
export interface LineLimit {
  /** Returns whether a line may be written, and how many lines were suppressed since the last admitted line. */
  admit(): { readonly admitted: boolean; readonly suppressed: number };
}

/** Admits at most `lines` in each window of `windowMs`, so that peers cannot fill the disk with log lines. */
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
