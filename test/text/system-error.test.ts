import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { freePort } from '../kit/free-port.ts';
import { isMissing, reasonOf, reasonWithPlace } from '../../src/text/system-error.ts';

/** Returns the error of a promise. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );

suite('errors of the system', () => {
  test('missing file: words without the code and the path, or with the path', async () => {
    const error = await errorOf(readFile('/nowhere/file'));
    assert.equal(reasonOf(error), 'no such file or directory');
    assert.equal(reasonWithPlace(error), '/nowhere/file: no such file or directory');
    assert.ok(isMissing(error));
  });

  test('directory in place of a file: words', async () => {
    assert.equal(reasonOf(await errorOf(readFile('/'))), 'is a directory');
  });

  test('no listener: words without the code, also if several addresses were tried', async () => {
    const port = await freePort();
    const refused = await errorOf(
      new Promise((resolve, reject) => connect(port, '127.0.0.1', () => resolve(0)).once('error', reject)),
    );
    assert.equal(reasonOf(refused), 'connection refused');
    assert.equal(reasonOf(new AggregateError([refused, refused])), 'connection refused');
  });

  test('code without a sentence here: the words of Node.js, or the whole message', () => {
    const loop = Object.assign(new Error("ELOOP: too many symbolic links encountered, open '/x'"), {
      code: 'ELOOP',
    });
    assert.equal(reasonOf(loop), 'too many symbolic links encountered');
    assert.equal(reasonOf(Object.assign(new Error('odd'), { code: 'ERR_ODD' })), 'odd');
  });

  test('other errors and values: unchanged', () => {
    assert.equal(reasonOf(new Error('it is longer than 3 bytes')), 'it is longer than 3 bytes');
    assert.equal(reasonWithPlace('text'), 'text');
  });
});
