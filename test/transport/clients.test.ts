import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { installedPath } from '../../scripts/tools/install-tool.ts';
import { makeTempDir } from '../kit/temp-dir.ts';
import { findTool } from '../kit/find-tool.ts';
import { libraryPath } from '../kit/library-path.ts';
import { missingTool } from '../kit/missing-tool.ts';
import { echo, framed, startRig } from './rig.ts';

const run = promisify(execFile);
const missing = await run('curl', ['--http2-prior-knowledge', '--version']).then(
  () => undefined,
  (error: unknown) => missingTool('no curl with HTTP/2', error),
);

const h2load = await findTool('h2load', { onPath: 'h2load' });

const unary = (call: ServerUnaryCall<string, string>, respond: sendUnaryData<string>): void =>
  respond(null, call.request.toUpperCase());

test(
  'curl: gets the message and the trailers of a unary call',
  { skip: missing?.reason ?? false },
  async () => {
    using rig = await startRig({ unary });
    await using dir = await makeTempDir();
    const [request, response] = [dir.join('request'), dir.join('response')];
    await writeFile(request, framed('hello'));
    const options = ['--http2-prior-knowledge', '--silent', '--show-error', '--max-time', '20'];
    const headers = ['--header', 'content-type: application/grpc', '--header', 'te: trailers'];
    const files = ['--data-binary', `@${request}`, '--output', response, '--dump-header', '-'];
    const url = `http://127.0.0.1:${rig.port}${echo.unary.path}`;
    const { stdout } = await run('curl', [...options, ...headers, ...files, url]);
    assert.match(stdout, /^HTTP\/2 200/);
    assert.match(stdout, /^grpc-status: 0/m);
    assert.deepEqual(await readFile(response), framed('HELLO'));
  },
);

test(
  'h2load: gets a response to each of 2,000 calls, on 4 connections with 20 at a time',
  { skip: h2load.kind === 'missing' && h2load.reason },
  async () => {
    assert.ok(h2load.kind === 'found');
    using rig = await startRig({ unary });
    await using dir = await makeTempDir();
    await writeFile(dir.join('request'), framed('hello'));
    const isUnpacked = h2load.path === installedPath('h2load');
    const libraries = isUnpacked ? await libraryPath(join(h2load.path, '../..')) : '';
    const load = ['--requests=2000', '--clients=4', '--max-concurrent-streams=20'];
    const headers = ['--header=content-type: application/grpc', '--header=te: trailers'];
    const url = `http://127.0.0.1:${rig.port}${echo.unary.path}`;
    const { stdout } = await run(h2load.path, [...load, ...headers, `--data=${dir.join('request')}`, url], {
      env: { ...process.env, ...(isUnpacked ? { LD_LIBRARY_PATH: libraries } : {}) },
    });
    assert.match(
      stdout,
      /2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout/,
    );
    assert.match(stdout, /status codes: 2000 2xx/);
  },
);
