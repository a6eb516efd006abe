import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findEnvoy } from './find-envoy.ts';
import { missingTool } from './missing-tool.ts';

describe('a tool that a test needs and cannot have', () => {
  const error = new Error('no wheel for this machine');

  it('has tests skipped with a line that says why', () => {
    const reason = 'no Envoy: no wheel for this machine';
    assert.deepEqual(missingTool('no Envoy', error, {}), { kind: 'missing', reason });
    assert.deepEqual(missingTool('no Envoy', error, { CI: '' }), { kind: 'missing', reason });
  });

  it('is a failure in CI', () => {
    assert.throws(() => missingTool('no Envoy', error, { CI: 'true' }), error);
  });

  it('is one when a variable names what does not run, wherever it is', async (context) => {
    const before = process.env['MESHTRUST_ENVOY'];
    context.after(() => {
      if (before === undefined) delete process.env['MESHTRUST_ENVOY'];
      else process.env['MESHTRUST_ENVOY'] = before;
    });
    process.env['MESHTRUST_ENVOY'] = '/nowhere/envoy';
    await assert.rejects(findEnvoy('newest'), /\/nowhere\/envoy/);
  });
});
