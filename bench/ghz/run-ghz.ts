import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The measured calls: configurations of ghz in this folder. */
export type GhzCall = 'fetch-secrets' | 'delta-stream';

/** Arguments of ghz in addition to its configuration. */
export interface GhzLoad {
  readonly ghz: string;
  readonly address: string;
  readonly call: GhzCall;
  readonly total: number;
  readonly concurrency: number;
}

/** The result of ghz. Latencies are in ms. */
export interface GhzResult {
  readonly count: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

interface GhzReport {
  readonly count: number;
  readonly rps: number;
  /** In nanoseconds. */
  readonly latencyDistribution: readonly { readonly percentage: number; readonly latency: number }[];
  readonly statusCodeDistribution: Readonly<Record<string, number>>;
}

/** Maximum number of connections for the calls. */
const connections = 10;
const timeoutMs = 120_000;

/** Returns the command line of a load, for a user in the root of the checkout. */
export function commandOf({ call, total, concurrency }: Omit<GhzLoad, 'ghz' | 'address'>): string {
  return ['ghz', ...argumentsOf(`bench/ghz/${call}.json`, total, concurrency), '127.0.0.1:5678'].join(' ');
}

/**
 * Runs ghz.
 * @throws {Error} if a call does not end with OK.
 */
export async function runGhz({ ghz, address, call, total, concurrency }: GhzLoad): Promise<GhzResult> {
  const config = fileURLToPath(new URL(`${call}.json`, import.meta.url));
  const args = [...argumentsOf(config, total, concurrency), '--format=json', address];
  const { stdout } = await run(ghz, args, { maxBuffer: 256 * 1024 * 1024, timeout: timeoutMs });
  const { count, rps, latencyDistribution, statusCodeDistribution } = JSON.parse(stdout) as GhzReport;
  if (statusCodeDistribution['OK'] !== total) {
    throw new Error(`${call} at ${address}: ${JSON.stringify(statusCodeDistribution)}`);
  }
  const at = (percentage: number): number =>
    (latencyDistribution.find((entry) => entry.percentage === percentage)?.latency ?? Number.NaN) / 1e6;
  return { count, perSecond: rps, p50: at(50), p99: at(99) };
}

/** Returns the method of a call from its configuration. */
export async function methodOf(call: GhzCall): Promise<string> {
  const text = await readFile(new URL(`${call}.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly call: string }).call;
}

function argumentsOf(config: string, total: number, concurrency: number): readonly string[] {
  return [
    `--config=${config}`,
    `--total=${total}`,
    `--concurrency=${concurrency}`,
    `--connections=${Math.min(connections, concurrency)}`,
  ];
}
