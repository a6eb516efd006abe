import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { makeTempDir } from '../kit/temp-dir.ts';
import { missingTool } from '../kit/missing-tool.ts';
import { echo, framed, startRig } from './rig.ts';

const run = promisify(execFile);
const missing = await run('curl', ['--http2-prior-knowledge', '--version']).then(
  () => undefined,
  (error: unknown) => missingTool('no curl with HTTP/2', error),
);

test(
  'curl: gets the message and the trailers of a unary call',
  { skip: missing?.reason ?? false },
  async () => {
    using rig = await startRig({
      unary: (call: ServerUnaryCall<string, string>, respond: sendUnaryData<string>) =>
        respond(null, call.request.toUpperCase()),
    });
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
