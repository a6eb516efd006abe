/** A line of a plot: figures by number of proxies. */
interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  readonly series: readonly Series[];
}

const [width, height] = [640, 400];
const margin = { left: 64, right: 16, top: 40, bottom: 48 };
/** Dashes distinguish the lines for colour-blind readers. */
const strokes = [
  { color: '#0b6bcb', dash: 'none' },
  { color: '#c4501b', dash: '6 4' },
  { color: '#5a6570', dash: '2 3' },
];

/** Draws a plot with logarithmic axes, as SVG for light and dark pages. */
export function drawPlot({ title, xTitle, yTitle, series }: Plot): string {
  const xs = ticks(series.flatMap(({ points }) => points.map(([x]) => x)));
  const ys = ticks(series.flatMap(({ points }) => points.map(([, y]) => y)));
  const toX = scale(xs, margin.left, width - margin.right);
  const toY = scale(ys, height - margin.bottom, margin.top);
  const [left, right, top, bottom] = [margin.left, width - margin.right, margin.top, height - margin.bottom];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${title}">`,
    '<style>text{font:12px system-ui,sans-serif;fill:#24292f}line{stroke:#8c959f}.grid{opacity:.3}',
    '@media(prefers-color-scheme:dark){text{fill:#d0d7de}}</style>',
    text(width / 2, 20, title, 'middle'),
    ...xs.map((x) => line(toX(x), top, toX(x), bottom, 'grid')),
    ...ys.map((y) => line(left, toY(y), right, toY(y), 'grid')),
    ...xs.map((x) => text(toX(x), bottom + 18, label(x), 'middle')),
    ...ys.map((y) => text(left - 6, toY(y) + 4, label(y), 'end')),
    text((left + right) / 2, height - 10, xTitle, 'middle'),
    `<text transform="translate(14 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${yTitle}</text>`,
    ...series.flatMap((one, index) => drawSeries(one, index, toX, toY)),
    '</svg>',
    '',
  ].join('\n');
}

function drawSeries(
  { name, points }: Series,
  index: number,
  toX: (x: number) => number,
  toY: (y: number) => number,
): readonly string[] {
  const { color, dash } = strokes[index % strokes.length] ?? { color: 'black', dash: 'none' };
  const path = points.map(([x, y]) => `${round(toX(x))},${round(toY(y))}`).join(' ');
  const y = margin.top + 14 + index * 18;
  const x = margin.left + 12;
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>`,
    ...points.map(
      ([px, py]) => `<circle cx="${round(toX(px))}" cy="${round(toY(py))}" r="3" fill="${color}"/>`,
    ),
    `<path d="M${x} ${y}h24" stroke="${color}" stroke-width="2" stroke-dasharray="${dash}"/>`,
    text(x + 30, y + 4, name, 'start'),
  ];
}

/** Returns 1, 2 and 5 times the powers of ten, from below the minimum to above the maximum. */
function ticks(values: readonly number[]): readonly number[] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const all = [-1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) => [1, 2, 5].map((step) => step * 10 ** power));
  const from = all.findLastIndex((tick) => tick <= least);
  const to = all.findIndex((tick) => tick >= most);
  return all.slice(Math.max(0, from), Math.max(to, from + 1) + 1);
}

function scale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const [low, high] = [Math.log(ticks[0] ?? 1), Math.log(ticks.at(-1) ?? 10)];
  return (value) => from + ((Math.log(value) - low) / (high - low)) * (to - from);
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${content}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, name: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" class="${name}"/>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;
const label = (value: number): string => (value >= 1000 ? `${value / 1000},000` : String(round(value)));
