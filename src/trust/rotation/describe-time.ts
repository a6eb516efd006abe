/** Formats a duration in its two largest units: `23h 41m`, `12s`. Rounds up, so that a remaining time is never 0. */
export function describeTime(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const [minutes, hours, days] = [
    Math.floor(seconds / 60),
    Math.floor(seconds / 3600),
    Math.floor(seconds / 86_400),
  ];
  if (days > 1) return join(days, 'd', hours % 24, 'h');
  if (hours > 0) return join(hours, 'h', minutes % 60, 'm');
  return minutes > 0 ? join(minutes, 'm', seconds % 60, 's') : `${seconds}s`;
}

function join(large: number, unit: string, small: number, part: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit} ${small}${part}`;
}
