import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';

import { createBodyReader } from '../../src/webhook/read-body.ts';

const limits = { maxBytes: 10, maxSum: 15 };

function request(length?: number): PassThrough & { readonly headers: Record<string, string> } {
  const headers = length === undefined ? {} : { 'content-length': String(length) };
  return Object.assign(new PassThrough(), { headers });
}

describe('a reader of bodies', () => {
  it('gives the text, wherever it is cut', async () => {
    const body = request();
    const reading = createBodyReader(limits)(body);
    const bytes = Buffer.from('a\u00fcb');
    body.write(bytes.subarray(0, 2));
    body.end(bytes.subarray(2));
    assert.deepEqual(await reading, { kind: 'text', text: 'a\u00fcb' });
  });

  it('refuses one that says that it is too long, or turns out so', async () => {
    const read = createBodyReader(limits);
    assert.equal((await read(request(11))).kind, 'too-large');
    const body = request();
    const reading = read(body);
    body.write('x'.repeat(11));
    assert.equal((await reading).kind, 'too-large');
    assert.equal(body.destroyed, false);
  });

  it('has room for so much of all together, and for another once one is done', async () => {
    const read = createBodyReader(limits);
    const [first, second, third] = [request(), request(), request()];
    const readings = [read(first), read(second)];
    first.write('x'.repeat(10));
    second.write('x'.repeat(6));
    assert.equal((await readings[1]!).kind, 'busy');
    first.end();
    assert.equal((await readings[0]!).kind, 'text');
    const last = read(third);
    third.end('x'.repeat(10));
    assert.equal((await last).kind, 'text');
  });

  it('knows one whose peer went away', async () => {
    const body = request();
    const reading = createBodyReader(limits)(body);
    body.write('x');
    body.destroy(new Error('reset'));
    assert.equal((await reading).kind, 'aborted');
  });
});
