import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { portOf } from '../../../src/xds/server/service-port.ts';
import { emptyServer } from './empty-server.ts';

suite('writing between the streams of a change', () => {
  test('server that can: is asked to', () => {
    let flushed = 0;
    portOf({ ...emptyServer, flush: () => void (flushed += 1) }, true).flush();
    assert.equal(flushed, 1);
  });

  test('server that cannot: nothing happens', () => {
    assert.doesNotThrow(() => portOf(emptyServer, true).flush());
  });

  test('server that throws an error: a warning, and the next streams of the change follow', async () => {
    const flush = (): void => {
      throw new Error('broken');
    };
    const warning = once(process, 'warning');
    assert.doesNotThrow(() => portOf({ ...emptyServer, flush }, true).flush());
    const [{ message }] = (await warning) as [Error];
    assert.match(message, /cannot write: Error: broken/);
  });
});
