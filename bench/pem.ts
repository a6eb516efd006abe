/**
 * Measures the cost of reading a certificate from PEM: with and without the cache, compared with node-forge, Go and
 * OpenSSL. `node bench/pem.ts [--write]`; with `--write` the result is written to `bench/pem.md`.
 */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import forge from 'node-forge';
import { decodePem } from '../src/trust/pem/decode-pem.ts';
import { encodePem } from '../src/trust/pem/encode-pem.ts';
import { createAnchorReader } from '../src/trust/x509/anchor-reader.ts';
import { readCertificate } from '../src/trust/x509/read-certificate.ts';
import {
  buildCertificate,
  nameOf,
  rsaKeys,
  rsaWithSha256,
  spki,
} from '../test/trust/x509/build-certificate.ts';
import { writeReport } from './kit.ts';

const certificates = 100;
const rounds = 21;
/** A round is long enough to be measured, and short enough that all readers alternate under the same load. */
const roundMs = 40;

/** Makes the PEM 1,489 characters long: the median of the CA certificates of a Linux distribution. */
const filling = 'x'.repeat(140);

const pems = Array.from({ length: certificates }, (_, index) =>
  encodePem(
    buildCertificate({
      subject: nameOf(`Bench CA ${index} ${filling}`),
      issuer: nameOf(`Bench CA ${index} ${filling}`),
      publicKey: spki(rsaKeys.publicKey),
      algorithm: rsaWithSha256,
      outerAlgorithm: rsaWithSha256,
      signingKey: rsaKeys.privateKey,
    }),
  ),
);
const text = pems.join('');
const ders = decodePem(text).flatMap((block) => (block.kind === 'certificate' ? [block.der] : []));

interface Subject {
  readonly name: string;
  /** Reads the text once. */
  readonly run: () => unknown;
}

const warm = createAnchorReader();
const reference = 'meshtrust decodePem';
const subjects: readonly Subject[] = [
  { name: reference, run: () => decodePem(text) },
  {
    name: 'meshtrust decodePem, CRLF',
    run: (
      (crlf) => () =>
        decodePem(crlf)
    )(text.replaceAll('\n', '\r\n')),
  },
  { name: 'meshtrust anchor reader, hit', run: () => warm.read(text) },
  { name: 'meshtrust anchor reader, cold', run: () => createAnchorReader().read(text) },
  {
    name: 'meshtrust readCertificate (strict walk, OpenSSL)',
    run: () => ders.map(readCertificate),
  },
  { name: 'new X509Certificate(der)', run: () => ders.map((der) => new X509Certificate(der)) },
  { name: 'new X509Certificate(pem)', run: () => pems.map((pem) => new X509Certificate(pem)) },
  { name: 'node-forge pem.decode', run: () => forge.pem.decode(text) },
  { name: 'node-forge certificateFromPem', run: () => pems.map((pem) => forge.pki.certificateFromPem(pem)) },
];

/** Returns the time per certificate in microseconds, one figure per round. */
type Series = readonly number[];

function measure(): ReadonlyMap<string, Series> {
  const repeats = subjects.map(({ run }) => calibrate(run));
  const series = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [index, { name, run }] of subjects.entries()) {
      const count = repeats[index] ?? 1;
      series.get(name)?.push((timed(run, count) * 1000) / (count * certificates));
    }
  }
  return series;
}

/** Returns the number of runs of a round, after a warm-up. */
function calibrate(run: () => unknown): number {
  let count = 1;
  while (timed(run, count) < roundMs) count *= 2;
  return Math.max(1, Math.round((count * roundMs) / timed(run, count)));
}

function timed(run: () => unknown, count: number): number {
  const start = performance.now();
  for (let turn = 0; turn < count; turn++) run();
  return performance.now() - start;
}

/** Measures Go's encoding/pem. Returns the reason if Go is not installed. */
function measureGo(): { readonly version: string; readonly series: Series } | { readonly missing: string } {
  const version = spawnSync('go', ['version'], { encoding: 'utf8' });
  if (version.error !== undefined || version.status !== 0) return { missing: 'there is no `go` on the PATH' };
  const folder = mkdtempSync(join(tmpdir(), 'pem-go-'));
  try {
    const binary = join(folder, 'pem-go');
    const source = join(import.meta.dirname, 'peers', 'pem-go');
    const built = spawnSync('go', ['build', '-o', binary, '.'], { cwd: source, encoding: 'utf8' });
    if (built.status !== 0) return { missing: `it did not build: ${built.stderr.trim()}` };
    const run = spawnSync(binary, [String(rounds), '100'], { input: text, encoding: 'utf8' });
    if (run.status !== 0) return { missing: `it did not run: ${run.stderr.trim()}` };
    return {
      version: version.stdout.trim(),
      series: run.stdout
        .trim()
        .split('\n')
        .map((line) => Number(line) / 1000),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function cells(name: string, series: Series, base: number): readonly string[] {
  const sorted = series.toSorted((a, b) => a - b);
  const [min = 0, median = 0, max = 0] = [0, (sorted.length - 1) / 2, sorted.length - 1].map(
    (at) => sorted[at],
  );
  return [name, ...[min, median, max].map((value) => value.toFixed(2)), `${(median / base).toFixed(2)} x`];
}

/** Returns a Markdown table with right-aligned numbers, formatted as by Prettier. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, at) => (at === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(rows[0] ?? []), `| ${rule.join(' | ')} |`, ...rows.slice(1).map(line)];
}

function medianOf(series: Series): number {
  return series.toSorted((a, b) => a - b)[(series.length - 1) / 2] ?? 0;
}

const measured = measure();
const base = medianOf(measured.get(reference) ?? []);
const go = measureGo();
const [cpu] = cpus();
const report = [
  '# One certificate from PEM',
  '',
  `\`node bench/pem.ts --write\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpu?.model ?? 'unknown CPU'}, ${cpus().length} cores${'missing' in go ? '' : `, ${go.version}`}.`,
  '',
  `A text of ${certificates} distinct self-signed RSA 2048 certificates (${pems[0]?.length} characters each, like the median of a
Linux distribution's CA certificates: ${ders[0]?.length} bytes of DER, 64 columns, LF).`,
  `${rounds} rounds of about ${roundMs} ms each, after a warm-up. All readers alternate in every round; Go runs after them.`,
  'Microseconds per certificate: minimum, median and maximum of the rounds. "ratio" is the median relative to',
  `${reference}. \`pem.decode\` and \`decodePem\` end at the DER; the others continue from there.`,
  '',
  ...table([
    ['', 'min us', 'median us', 'max us', 'ratio'],
    ...[...measured].map(([name, series]) => cells(name, series, base)),
    ...('missing' in go ? [] : [cells('Go encoding/pem Decode', go.series, base)]),
  ]),
  '',
  ...('missing' in go ? [`Go's encoding/pem was not measured: ${go.missing}.`, ''] : []),
].join('\n');

process.stdout.write(report);
if (process.argv.includes('--write')) await writeReport('pem.md', report);
