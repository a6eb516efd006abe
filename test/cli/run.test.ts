import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { start } from './run.ts';

suite('until', () => {
  test('the command prints an error → rejects', async () => {
    const stop = new AbortController();
    const watching = start(['proxy-status', '--watch', '--server=http://127.0.0.1:1'], stop.signal);
    await assert.rejects(
      watching.until(/the table/),
      /^Error: it printed an error without \/the table\/:\nerror: /,
    );
    stop.abort();
    await watching.outcome;
  });

  test('the command ends → rejects', async () => {
    await assert.rejects(start(['--version']).until(/something else/), /^Error: it ended without/);
  });
});
