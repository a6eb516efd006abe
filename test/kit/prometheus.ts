import { writeFile } from 'node:fs/promises';

import { startChild } from './child.ts';
import { freePort } from './free-port.ts';
import { poll } from './poll.ts';
import { makeTempDir } from './temp-dir.ts';

/** A rule, as the API of Prometheus returns it. */
export interface RuleHealth {
  readonly name: string;
  readonly health: 'ok' | 'err' | 'unknown';
  readonly lastError?: string;
}

/** A Prometheus on loopback that scrapes one target. */
export interface Prometheus extends AsyncDisposable {
  /** Returns the number of series of a query. @throws {Error} with the message of Prometheus if it is invalid. */
  readonly count: (expr: string) => Promise<number>;
  readonly rules: () => Promise<readonly RuleHealth[]>;
}

/**
 * Starts Prometheus on a free port; `target` is HOST:PORT. It scrapes and evaluates four times a second.
 * @throws {Error} with its output when it is not ready within 15 s.
 */
export async function startPrometheus(
  path: string,
  { target, rulesFile }: { readonly target: string; readonly rulesFile: string },
): Promise<Prometheus> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await makeTempDir());
  const port = await freePort();
  const config = {
    global: { scrape_interval: '250ms', scrape_timeout: '250ms', evaluation_interval: '250ms' },
    rule_files: [rulesFile],
    scrape_configs: [{ job_name: 'meshtrust', static_configs: [{ targets: [target] }] }],
  };
  // JSON is YAML.
  await writeFile(dir.join('prometheus.yml'), JSON.stringify(config));
  const child = stack.use(
    await startChild(path, [
      `--config.file=${dir.join('prometheus.yml')}`,
      `--storage.tsdb.path=${dir.join('data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ]),
  );
  const ask = async (place: string): Promise<unknown> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${place}`);
    const answer = (await response.json()) as { readonly data?: unknown; readonly error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.data;
  };
  await poll('Prometheus to be ready', async () => {
    if (child.exited() !== undefined) throw new Error(`Prometheus ended:\n${child.stderr()}`);
    return fetch(`http://127.0.0.1:${port}/-/ready`).then(
      ({ ok }) => (ok ? true : undefined),
      () => undefined,
    );
  });
  const owned = stack.move();
  return {
    async count(expr) {
      const data = await ask(`query?query=${encodeURIComponent(expr)}`);
      return (data as { readonly result: readonly unknown[] }).result.length;
    },
    async rules() {
      const data = await ask('rules');
      const { groups } = data as { readonly groups: readonly { readonly rules: readonly RuleHealth[] }[] };
      return groups.flatMap(({ rules }) => rules);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
