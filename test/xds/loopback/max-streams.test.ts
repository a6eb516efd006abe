import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { typeUrls } from '../../../src/xds/index.ts';
import { setOf } from '../vocabulary.ts';
import { ads, sds, serve } from './serving.ts';

test('streams above maxStreams: are refused until another stream has ended', async () => {
  await using serving = await serve({ maxStreams: 2 });
  serving.store.set('', typeUrls.secret, setOf({ a: '1' }));
  const client = serving.connect();
  using first = client.delta(ads.delta);
  using second = client.sotw(sds.sotw);
  for (const stream of [first, second]) {
    const names = { resource_names_subscribe: ['a'], resource_names: ['a'] };
    stream.send({ type_url: typeUrls.secret, ...names });
    await stream.next();
  }
  using refused = client.delta(ads.delta);
  refused.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
  const { code, details } = await refused.ended;
  assert.deepEqual({ code, details }, { code: status.RESOURCE_EXHAUSTED, details: 'more than 2 streams' });
  assert.equal(serving.xds.streams(), 2);

  first.cancel();
  await serving.until(() => serving.xds.streams() === 1);
  using accepted = client.delta(ads.delta);
  accepted.send({ type_url: typeUrls.secret, resource_names_subscribe: ['a'] });
  assert.equal((await accepted.next()).resources[0]?.name, 'a');
});
