import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { machine, report, row, spread } from './kit.ts';

// Measures the start of the program: the time from the start of the process to its end, or for `serve` to the log line
// that it is ready. The CPU time is that of the process, so the load of the machine does not change it. The first run
// of each command is not counted: it reads the files from disk.

const runs = 15;
const place = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));
const trust = place('examples/trust');
const programs = [
  ['sources (TypeScript)', place('bin/meshtrust.js')],
  ['built package', place('dist/main.js')],
] as const;
const lines = {
  '--version': ['--version'],
  '--help': ['--help'],
  'validate examples/trust': ['validate', trust],
  'serve examples/trust, until ready': [
    'serve',
    trust,
    '--xds-listen=127.0.0.1:0',
    '--admin-listen=127.0.0.1:0',
    '--log-format=json',
  ],
} as const;

interface Run {
  readonly milliseconds: number;
  readonly cpu: number;
}

/** Prints the CPU time of the process at its end. */
const printingCpu = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write('CPU ' + (user + system) / 1000 + '\\n');
});`;

async function runOf(program: string, args: readonly string[]): Promise<Run> {
  const start = performance.now();
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(printingCpu)}`, program, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let errors = '';
  let ready: number | undefined;
  child.stdout.on('data', (chunk: Buffer) => {
    if (ready !== undefined || !chunk.includes('"ready":true')) return;
    ready = performance.now();
    child.kill('SIGTERM');
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  await once(child, 'close');
  const cpu = Number(/^CPU (?<cpu>[\d.]+)$/m.exec(errors)?.groups?.['cpu']);
  return { milliseconds: (ready ?? performance.now()) - start, cpu };
}

const rows: string[] = [];
for (const [name, program] of programs.filter(([, path]) => existsSync(path))) {
  for (const [line, args] of Object.entries(lines)) {
    await runOf(program, args);
    const found: Run[] = [];
    for (let run = 0; run < runs; run++) found.push(await runOf(program, args));
    const [time, cpu] = [found.map((one) => one.milliseconds), found.map((one) => one.cpu)].map(spread);
    rows.push(
      row(
        name,
        line,
        ...[time?.min, time?.median, time?.max, cpu?.median].map((value) => value?.toFixed(0) ?? ''),
      ),
    );
  }
}
await report([
  '# Start-up of the command line',
  '',
  `${machine()}; ${runs} runs. From the start of the process to its end, or for \`serve\`, to the log line that it is ready.`,
  'The last column is the CPU time of the process, for `serve` with its end. `npm run build` makes the built package.',
  '',
  row('program', 'command line', 'min, ms', 'median, ms', 'max, ms', 'CPU, ms'),
  row('---', '---', '--:', '--:', '--:', '--:'),
  ...rows,
]);
