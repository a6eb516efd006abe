import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import { createTlsAcceptor } from '../../../src/transport/tls-acceptor.ts';
import { makeCa, makeLeaf } from '../../kit/certificates.ts';
import { poison } from '../../kit/poison.ts';
import { makeTempDir } from '../../kit/temp-dir.ts';
import { findTool } from '../../kit/find-tool.ts';
import { definition, implementation } from './test-service.ts';

const run = promisify(execFile);
const found = await findTool('grpc-interop-client');
const client = found.kind === 'found' ? found.path : '';

/** Every test of the client that needs neither a cloud nor load reports (ORCA). */
const testCases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'timeout_on_sleeping_server',
  'cancel_after_begin',
  'cancel_after_first_response',
  'status_code_and_message',
  'special_status_message',
  'custom_metadata',
  'unimplemented_method',
  'unimplemented_service',
  'pick_first_unary',
  'rpc_soak',
  'channel_soak',
] as const;

const ca = makeCa();
const { certPem, keyPem } = makeLeaf(ca, { commonName: 'server', dnsNames: ['localhost'] });

/** Serves the test service on loopback. Clients of the port with TLS need not have a certificate. */
async function serve(security: 'plaintext' | 'tls'): Promise<{ readonly port: number } & Disposable> {
  const server = new GrpcServer({ afterBufferUse: poison });
  server.addService(definition, implementation);
  const acceptor = createTlsAcceptor({
    material: { certificate: Buffer.from(certPem), key: Buffer.from(keyPem), clientCa: undefined },
    handshakeTimeoutMs: 10_000,
    secured: (socket) => server.attach(socket),
    failed: (_, socket) => socket.destroy(),
  });
  const listener = createServer((socket) =>
    security === 'tls' ? acceptor.accept(socket) : server.attach(socket),
  );
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  return {
    port,
    [Symbol.dispose]() {
      listener.close();
      server.forceShutdown();
    },
  };
}

for (const security of ['plaintext', 'tls'] as const)
  suite(`interop client of grpc-go, ${security}`, { skip: found.kind === 'missing' && found.reason }, () => {
    for (const testCase of testCases)
      test(`${testCase}: passes`, { timeout: 60_000 }, async () => {
        using server = await serve(security);
        await using dir = await makeTempDir();
        const caFile = join(dir.path, 'ca.pem');
        await writeFile(caFile, ca.certPem);
        const tls = ['--use_tls', '--use_test_ca', `--ca_file=${caFile}`, '--server_host_override=localhost'];
        const args = ['--server_host=127.0.0.1', `--server_port=${server.port}`, `--test_case=${testCase}`];
        const soak = [
          '--soak_iterations=20',
          '--soak_num_threads=2',
          '--soak_overall_timeout_seconds=50',
          '--soak_per_iteration_max_acceptable_latency_ms=50000',
        ];
        const all = [...args, ...soak, ...(security === 'tls' ? tls : [])];
        const failure = await run(client, all).then(
          () => undefined,
          (error: unknown) => (error as { readonly stderr: string }).stderr,
        );
        assert.equal(failure, undefined);
      });
  });
