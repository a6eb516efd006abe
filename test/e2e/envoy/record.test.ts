import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from '../../cli/run.ts';
import { skipWithoutEnvoys as skip } from '../../kit/both-envoys.ts';
import { makeDomain } from '../../kit/domain.ts';
import { startStage } from './stage.ts';

const [first, second] = [makeDomain('first.test'), makeDomain('second.test')];
const pausedMs = 1000;

test('audit log: change is converged once the last Envoy acknowledged', { skip }, async () => {
  await using stage = await startStage({ files: { 'first.yaml': first.yaml() } });
  const { envoys, files, meshtrust } = stage;
  const [paused] = envoys;
  assert.ok(paused !== undefined && envoys.length > 1);
  process.kill(paused.pid, 'SIGSTOP');
  let version: unknown;
  try {
    await files.put('second.yaml', second.yaml());
    const change = await meshtrust.logged('the change', (line) => line['trustDomain'] === 'second.test');
    assert.deepEqual([change['change'], change['proxies']], ['added', envoys.length]);
    ({ version } = change);
    const late = await run([
      'wait',
      '--mesh=default',
      `--version=${String(version)}`,
      `--timeout=${pausedMs}ms`,
      `--server=http://127.0.0.1:${meshtrust.adminPort}`,
    ]);
    assert.equal(late.code, 4);
    assert.equal(meshtrust.logs().filter((line) => isConverged(line, version)).length, 0);
  } finally {
    process.kill(paused.pid, 'SIGCONT');
  }
  const end = await meshtrust.logged('the last Envoy', (line) => isConverged(line, version));
  assert.equal(end['proxies'], envoys.length);
  assert.ok(Number(end['seconds']) >= pausedMs / 1000, String(end['seconds']));
  assert.equal(await paused.stat('sds.system_trust_bundle.update_success'), 2);
});

function isConverged(line: Readonly<Record<string, unknown>>, version: unknown): boolean {
  return line['event'] === 'trust-converged' && line['version'] === version;
}
