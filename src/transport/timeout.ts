const units: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

/**
 * Parses the value of `grpc-timeout`: at most eight digits and a unit. Returns ms, or `undefined` if it is malformed.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export function parseTimeout(text: string): number | undefined {
  const unit = units[text.slice(-1)];
  return unit !== undefined && /^\d{1,8}[HMSmun]$/.test(text) ? Number(text.slice(0, -1)) * unit : undefined;
}
