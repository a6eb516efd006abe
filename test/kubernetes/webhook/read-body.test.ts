import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { suite, test } from 'node:test';

import { announcedLength, readBody } from '../../../src/kubernetes/webhook/read-body.ts';

const limits = { maxBytes: 10, maxMs: 10_000 };

function request(length?: number): PassThrough & { readonly headers: Record<string, string> } {
  const headers = length === undefined ? {} : { 'content-length': String(length) };
  return Object.assign(new PassThrough(), { headers });
}

suite('body of a request', () => {
  test('announced length: is the one of the header, if any', () => {
    assert.deepEqual([announcedLength(request(7)), announcedLength(request())], [7, undefined]);
  });

  test('several chunks: their bytes are returned', async () => {
    const body = request();
    const reading = readBody(body, limits);
    const bytes = Buffer.from('a\u00fcb');
    body.write(bytes.subarray(0, 2));
    body.end(bytes.subarray(2));
    assert.deepEqual(await reading, { kind: 'bytes', bytes });
  });

  test('too long body, announced or not: is rejected', async () => {
    assert.equal((await readBody(request(11), limits)).kind, 'too-large');
    const body = request();
    const reading = readBody(body, limits);
    body.write('x'.repeat(11));
    assert.equal((await reading).kind, 'too-large');
    assert.equal(body.destroyed, false);
  });

  test('body that does not arrive in time: is too slow, and the request is destroyed', async () => {
    const body = request();
    body.write('x');
    assert.deepEqual(await readBody(body, { ...limits, maxMs: 20 }), { kind: 'too-slow' });
    assert.equal(body.destroyed, true);
  });

  test('client that disconnects: aborted', async () => {
    const body = request();
    const reading = readBody(body, limits);
    body.write('x');
    body.destroy(new Error('reset'));
    assert.equal((await reading).kind, 'aborted');
  });
});
