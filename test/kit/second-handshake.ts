import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

/** Connects with TLS 1.2, asks for a second handshake on the connection, and asserts that this ends it. */
export async function assertNoSecondHandshake(options: ConnectionOptions): Promise<void> {
  const client = connect({ ...options, maxVersion: 'TLSv1.2' });
  await once(client, 'secureConnect');
  const error = once(client, 'error');
  client.renegotiate({}, (failure) => client.destroy(failure ?? new Error('a second handshake')));
  assert.match(String(await error), /no renegotiation/);
  client.destroy();
}
