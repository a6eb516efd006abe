import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { proxyScene } from './proxy-scene.ts';

const [merged, one] = ['ALL', 'spiffe://a.test'];

suite('state of a proxy on a stream', () => {
  test('unsubscribes from a secret whose change is on its way: later changes of it are not waited for', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [merged]: 'v1', [one]: 'a1' });
    requests({ subscribe: [merged, one] });
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
    serve({ [merged]: 'v1', [one]: 'a2' });
    const [change] = responses();
    requests({ unsubscribe: [one] });
    requests({ answers: change });
    serve({ [merged]: 'v1', [one]: 'a3' });
    assert.deepEqual(responses(), []);
    assert.equal(state(), 'synced');
  });

  test('rejects its first version and subscribes again: stays refused after the removal', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [one]: 'a1' });
    requests({ subscribe: [one] });
    for (const answers of responses()) requests({ answers, error: true });
    assert.equal(state(), 'refused');
    requests({ subscribe: [one] });
    const [removal] = responses();
    assert.deepEqual(removal?.removed, [one]);
    requests({ answers: removal });
    assert.equal(state(), 'refused');
    serve({ [one]: 'a2' });
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
  });

  test('a change is taken back before it is acknowledged: pending until the proxy has what is served', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [one]: 'a1' });
    requests({ subscribe: [one] });
    for (const answers of responses()) requests({ answers });
    serve({ [one]: 'a2' });
    const [change] = responses();
    serve({ [one]: 'a1' });
    assert.equal(state(), 'pending');
    requests({ answers: change });
    for (const answers of responses()) {
      assert.equal(state(), 'pending');
      requests({ answers });
    }
    assert.equal(state(), 'synced');
  });

  test('unsubscribes before there is anything to send: no response is waited for, until it subscribes again', () => {
    const { serve, requests, responses, state } = proxyScene();
    requests({ subscribe: [one] });
    assert.equal(state(), 'pending');
    requests({ unsubscribe: [one] });
    serve({ [one]: 'a1' });
    assert.deepEqual(responses(), []);
    assert.equal(state(), 'synced');
    requests({ subscribe: [one] });
    assert.equal(state(), 'pending');
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
  });

  test('a name that does not exist: is not waited for', () => {
    const { serve, requests, responses, state } = proxyScene();
    serve({ [one]: 'a1' });
    requests({ subscribe: [one, 'no secret'] });
    for (const answers of responses()) requests({ answers });
    assert.equal(state(), 'synced');
  });
});
