import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';

import { findTool } from '../../kit/find-tool.ts';
import { startBusyServer } from './busy-server.ts';

const promtool = await findTool('promtool', { onPath: 'promtool' });

/** Returns the complaints of promtool about a scrape, one per line. */
async function complaintsAbout(scrape: string): Promise<readonly string[]> {
  const path = promtool.kind === 'found' ? promtool.path : '';
  const child = spawn(path, ['check', 'metrics'], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.end(scrape);
  return (await text(child.stderr)).split('\n').filter((line) => line !== '');
}

/** Names of prom-client, which dashboards for Node.js expect. */
const knownComplaint = /^nodejs_active_\w+_total non-counter metrics should not have "_total" suffix$/;

suite('exposition of metrics', { skip: promtool.kind === 'missing' && promtool.reason }, () => {
  for (const args of [[], ['--workers=2']]) {
    test(`${args.length === 0 ? 'one process' : 'workers'}: promtool reports only known complaints`, async () => {
      await using busy = await startBusyServer(args);
      const { body } = await busy.server.admin('/metrics');
      const complaints = await complaintsAbout(body);
      assert.equal(complaints.length, 3, complaints.join('\n'));
      for (const complaint of complaints) assert.match(complaint, knownComplaint);
    });
  }

  test('invalid exposition: promtool reports it', async () => {
    const twice = '# TYPE a counter\na 1\n# TYPE a counter\na 1\n';
    assert.match((await complaintsAbout(twice)).join(), /TYPE/);
  });
});
