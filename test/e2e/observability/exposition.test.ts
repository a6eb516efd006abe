import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';

import { findTool } from '../../kit/find-tool.ts';
import { startBusyServer } from './busy-server.ts';

const promtool = await findTool('promtool', { onPath: 'promtool' });

/** What promtool has to say about a scrape, a line each. */
async function complaintsAbout(scrape: string): Promise<readonly string[]> {
  const path = promtool.kind === 'found' ? promtool.path : '';
  const child = spawn(path, ['check', 'metrics'], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.end(scrape);
  return (await text(child.stderr)).split('\n').filter((line) => line !== '');
}

/** Names of prom-client, which dashboards for Node.js know by them. */
const knownComplaint = /^nodejs_active_\w+_total non-counter metrics should not have "_total" suffix$/;

describe('what is scraped', { skip: promtool.kind === 'missing' && promtool.reason }, () => {
  for (const args of [[], ['--workers=2']]) {
    it(`is as Prometheus wants it ${args.length === 0 ? 'of one process' : 'of several'}`, async () => {
      await using busy = await startBusyServer(args);
      const { body } = await busy.server.admin('/metrics');
      const complaints = await complaintsAbout(body);
      assert.equal(complaints.length, 3, complaints.join('\n'));
      for (const complaint of complaints) assert.match(complaint, knownComplaint);
    });
  }

  it('would be found out', async () => {
    const twice = '# TYPE a counter\na 1\n# TYPE a counter\na 1\n';
    assert.match((await complaintsAbout(twice)).join(), /TYPE/);
  });
});
