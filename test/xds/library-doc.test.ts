import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { typeUrls } from '../../src/xds/index.ts';
import { createClient } from './client.ts';
import { ads } from './loopback/serving.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The example of the document, on a free port, with the library of this checkout. */
function example(): string {
  const document = readFileSync(join(root, 'docs/xds-library.md'), 'utf8');
  const [[, code] = [], ...more] = [...document.matchAll(/```ts\n([^]*?)```\n/g)];
  assert.equal(more.length, 1, 'the document has one whole example, and one of authorize');
  const entry = pathToFileURL(join(root, 'src/xds/index.ts')).href;
  return (code ?? '').replace("'meshtrust-xds'", `'${entry}'`).replace('127.0.0.1:5678', '127.0.0.1:0');
}

test('example of docs/xds-library.md: serves endpoints, logs ACKs and NACKs, and drains', async () => {
  // Inside the checkout, so that its imports resolve.
  mkdirSync(join(root, '.cache'), { recursive: true });
  const folder = mkdtempSync(join(root, '.cache', 'library-doc-'));
  const file = join(folder, 'example.ts');
  writeFileSync(file, example());
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.resume();
  try {
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<string> => String((await lines.next()).value);
    const port = /^listening on (\d+)$/.exec(await line())?.[1];
    using client = createClient(`127.0.0.1:${port}`);
    using stream = client.delta(ads.delta);
    const type = { type_url: typeUrls.clusterLoadAssignment };
    stream.send({ ...type, node: { id: 'proxy-1' }, resource_names_subscribe: ['one'] });
    const first = await stream.next();
    assert.equal(first.resources[0]?.name, 'one');
    assert.equal(first.control_plane?.identifier, 'my-control-plane');
    stream.send({ ...type, response_nonce: first.nonce, resource_names_subscribe: ['one', 'two'] });
    assert.equal(await line(), `proxy-1 has one ${first.resources[0]?.version}`);
    const second = await stream.next();
    const error = { code: 13, message: 'not these' };
    stream.send({ ...type, response_nonce: second.nonce, error_detail: error });
    assert.equal(await line(), 'proxy-1 refused one,two: not these');
    stream.send({ type_url: typeUrls.cluster });
    assert.deepEqual((await stream.next()).resources, []);
    child.kill('SIGTERM');
    stream.cancel();
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
