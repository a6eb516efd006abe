import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { loadAll } from 'js-yaml';

import type { FoundTool } from './find-tool.ts';
import { makeTempDir } from './temp-dir.ts';

/** A Kubernetes object, with the fields that tests read. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Values of the chart, as in values.yaml. Omitted values have their defaults. */
export type ChartValues = Readonly<Record<string, unknown>>;

/** The folder of the chart. */
export const chart: string = fileURLToPath(new URL('../../deploy/helm/meshtrust', import.meta.url));

const run = promisify(execFile);

/** Runs helm, separated from the user's helm files. */
export type Helm = (
  args: readonly string[],
  values?: ChartValues,
) => Promise<{ readonly stdout: string; readonly stderr: string }>;

/** @throws {Error} when there is no helm; each run throws with what helm printed when it fails. */
export function runHelm(found: FoundTool): Helm {
  if (found.kind === 'missing') throw new Error(found.reason);
  return async (args, values) => {
    await using home = await makeTempDir();
    const env = { ...process.env, HOME: home.path, KUBECONFIG: home.join('no-kubeconfig') };
    // JSON is YAML.
    const [flags, input] = values === undefined ? [[], ''] : [['--values', '-'], JSON.stringify(values)];
    const running = run(found.path, [...args, ...flags], {
      env,
      timeout: 120_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    running.child.stdin?.end(input);
    // Wait for the exit: otherwise its home directory would be removed while it runs, and its output lost.
    return await running;
  };
}

/** Returns the values with an image, which is required. */
export function withImage(values: ChartValues = {}): ChartValues {
  const image = { repository: 'registry.example/meshtrust', ...(values['image'] as object | undefined) };
  return { ...values, image };
}

/** Returns the output of `helm template` with the values, for a release `test` in a namespace. */
export async function renderChart(
  helm: Helm,
  values: ChartValues = {},
  namespace = 'meshtrust-system',
): Promise<readonly Manifest[]> {
  const { stdout } = await helm(['template', 'test', chart, '--namespace', namespace], withImage(values));
  return readManifests(stdout);
}

/** Parses the objects of a YAML text. */
export function readManifests(text: string): readonly Manifest[] {
  // A template that renders nothing leaves an empty document.
  return loadAll(text).filter((object) => object !== null) as Manifest[];
}
