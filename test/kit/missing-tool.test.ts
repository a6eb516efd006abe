import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { findEnvoy } from './find-envoy.ts';
import { missingTool } from './missing-tool.ts';

suite('missing tool of a test', () => {
  const error = new Error('no wheel for this machine');

  test('outside of CI: tests are skipped with a reason', () => {
    const reason = 'no Envoy: no wheel for this machine';
    assert.deepEqual(missingTool('no Envoy', error, {}), { kind: 'missing', reason });
    assert.deepEqual(missingTool('no Envoy', error, { CI: '' }), { kind: 'missing', reason });
  });

  test('in CI: tests fail', () => {
    assert.throws(() => missingTool('no Envoy', error, { CI: 'true' }), error);
  });

  test('variable names a program that does not run: tests fail everywhere', async (context) => {
    const before = process.env['MESHTRUST_ENVOY'];
    context.after(() => {
      if (before === undefined) delete process.env['MESHTRUST_ENVOY'];
      else process.env['MESHTRUST_ENVOY'] = before;
    });
    process.env['MESHTRUST_ENVOY'] = '/nowhere/envoy';
    await assert.rejects(findEnvoy('newest'), /\/nowhere\/envoy/);
  });
});
