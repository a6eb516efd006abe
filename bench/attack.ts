// Reads the output of `npm run bench:attack`, or of parts of it, and prints the table of `attack.md`:
//   npm run bench:attack > attack.log; node bench/attack.ts < attack.log
import { text } from 'node:stream/consumers';

const line =
  /^(\S+)((?: --\S+)*): before ([\d,]+) changes ([\d,]+) newcomers ([\d,]+) grown (-?\d+) MiB; CPU of the server (\d+) ms and (\d+) ms of honest work, of the attacker (\d+) ms, read ([\d.]+) MB/;

/** Returns the median and the largest of times that are separated by commas. */
function middleAndMost(times: string): string {
  const sorted = times
    .split(',')
    .map(Number)
    .sort((a, b) => a - b);
  return `${sorted[Math.floor((sorted.length - 1) / 2)]}, ${sorted.at(-1)}`;
}

const rows = (await text(process.stdin)).split('\n').flatMap((output) => {
  const [
    ,
    kind = '',
    args = '',
    before = '',
    changes = '',
    newcomers = '',
    grown,
    server,
    honest,
    attacker,
    read,
  ] = line.exec(output) ?? [];
  if (grown === undefined) return [];
  const transport = args.includes('--xds-transport=grpc-js') ? ' (grpc-js)' : '';
  return [
    [
      `${kind}${transport}`,
      middleAndMost(before),
      middleAndMost(changes),
      middleAndMost(newcomers),
      grown,
      `${server}, ${attacker}`,
      honest,
      read,
    ],
  ];
});
if (rows.length === 0) throw new Error('the input has no line of an attack');
console.log(
  '| attack | change before | change | new proxy | memory | CPU of server, attacker | CPU of honest work | read |',
);
console.log(`| --- | ${Array.from({ length: 7 }, () => '--:').join(' | ')} |`);
for (const row of rows) console.log(`| ${row.join(' | ')} |`);
