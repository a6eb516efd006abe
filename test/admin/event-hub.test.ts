import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { suite, test } from 'node:test';
import type { AdminAccess } from '../../src/admin/access.ts';
import { createEventHub } from '../../src/admin/event-hub.ts';
import type { EventHub, EventHubOptions } from '../../src/admin/event-hub.ts';
import { createHttpEdge } from '../../src/admin/http-edge.ts';
import { poll } from '../kit/poll.ts';
import { ask } from './http-client.ts';

/** A hub behind a server, and what its clients have heard. */
async function serveHub(options: EventHubOptions = {}, access: AdminAccess = {}) {
  const hub = createEventHub(options);
  const edge = createHttpEdge({
    routes: [],
    events: { path: '/events', hub },
    access,
    onError: (error) => {
      throw error;
    },
  });
  const address = await edge.listen('127.0.0.1:0');
  const [host = '', port = ''] = address.split(':');
  return {
    hub,
    edge,
    address,
    async open(
      token?: string,
    ): Promise<{ readonly response: IncomingMessage; readonly heard: () => string }> {
      const asking = request({
        host,
        port,
        path: '/events',
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      }).end();
      const [response] = (await once(asking, 'response')) as [IncomingMessage];
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', () => undefined);
      return { response, heard: () => text };
    },
    [Symbol.asyncDispose]: () => edge.close(),
  };
}

const eventsOf = (text: string): readonly string[] =>
  text.split('\n\n').filter((event) => event !== '' && !event.startsWith('event: alive'));

suite('server-sent events', () => {
  test('event: reaches every client, with its name, as one line of JSON', async () => {
    await using rig = await serveHub();
    const clients = [await rig.open(), await rig.open()];
    rig.hub.publish('a', 'state', { text: 'two\nlines' });
    for (const { response, heard } of clients) {
      assert.equal(response.headers['content-type'], 'text/event-stream');
      assert.equal(response.headers['cache-control'], 'no-store');
      await poll('the event', () => eventsOf(heard()).length === 1 || undefined);
      assert.equal(eventsOf(heard())[0], 'event: state\ndata: {"text":"two\\nlines"}');
    }
  });

  test('client that lost access: its stream ends before the next event', async () => {
    let admits = true;
    await using rig = await serveHub({ heartbeatMs: 20 }, { tokens: { admits: () => admits } });
    const quiet = await rig.open('token');
    const { response, heard } = await rig.open('token');
    rig.hub.publish('a', 'state', { version: 1 });
    await poll('the event', () => eventsOf(heard()).length === 1 || undefined);
    admits = false;
    rig.hub.publish('a', 'state', { version: 2 });
    await poll('the end of both', () => (response.closed && quiet.response.closed) || undefined);
    assert.equal(eventsOf(heard()).length, 1);
    assert.equal(rig.hub.clients, 0);
  });

  test('new client: gets the newest event of each kind', async () => {
    await using rig = await serveHub();
    rig.hub.publish('a', 'state', { version: 1 });
    rig.hub.publish('a', 'state', { version: 2 });
    rig.hub.publish('b', 'rollout', { mesh: 'b' });
    const { heard } = await rig.open();
    await poll('both', () => eventsOf(heard()).length === 2 || undefined);
    assert.deepEqual(eventsOf(heard()), [
      'event: state\ndata: {"version":2}',
      'event: rollout\ndata: {"mesh":"b"}',
    ]);
  });

  test('a name that steers a terminal → escaped, with the same value', async () => {
    await using rig = await serveHub();
    rig.hub.publish('a', 'state', { node: 'a\u202e\u2028\u009b' });
    const { heard } = await rig.open();
    await poll('the event', () => eventsOf(heard()).length === 1 || undefined);
    assert.deepEqual(eventsOf(heard()), ['event: state\ndata: {"node":"a\\u202e\\u2028\\u009b"}']);
  });

  test('unchanged event: is not sent twice', async () => {
    await using rig = await serveHub();
    const { heard } = await rig.open();
    for (const version of [1, 1, 2]) rig.hub.publish('a', 'state', { version });
    await poll('the last', () => heard().includes('2') || undefined);
    assert.equal(eventsOf(heard()).length, 2);
  });

  test('slow client: has no queue, and gets the newest event when it reads', async () => {
    await using rig = await serveHub();
    const { response, heard } = await rig.open();
    response.pause();
    const filler = 'x'.repeat(1_000_000);
    const rounds = 40;
    for (let version = 1; version <= rounds; version += 1) {
      rig.hub.publish('a', 'state', { version, filler });
      await new Promise(setImmediate);
    }
    response.resume();
    await poll('the newest', () => heard().includes(`"version":${rounds}`) || undefined);
    const got = eventsOf(heard()).length;
    assert.ok(got < rounds, `${got} of ${rounds} were kept for it`);
  });

  test('client that reads nothing: is disconnected, and the number of clients is reported', async () => {
    const counts: number[] = [];
    await using rig = await serveHub({ heartbeatMs: 20, slowMs: 60, onClients: (n) => counts.push(n) });
    const { response } = await rig.open();
    response.pause();
    const filler = 'x'.repeat(1_000_000);
    let version = 0;
    // Some megabytes are on their way before the connection takes no more.
    await poll('the cut', () => {
      rig.hub.publish('a', 'state', { version: (version += 1), filler });
      return rig.hub.clients === 0 || undefined;
    });
    assert.deepEqual(counts, [1, 0]);
  });

  test('idle stream: has a heartbeat at once and at each interval, which scripts of a browser receive', async () => {
    await using rig = await serveHub({ heartbeatMs: 20 });
    rig.hub.publish('a', 'state', { version: 1 });
    const { heard } = await rig.open();
    // A browser drops comments, and events without data.
    const beat = 'event: alive\ndata: {"intervalSeconds":0.02}\n\n';
    await poll('three beats', () => heard().split(beat).length > 3 || undefined);
    // A page takes a first event of another kind as the sign of a server without heartbeats.
    assert.ok(heard().startsWith(beat));
  });

  test('interval of heartbeats: 5 s by default, as documented', async () => {
    await using rig = await serveHub();
    const { heard } = await rig.open();
    await poll('the first beat', () => heard() !== '' || undefined);
    assert.equal(heard(), 'event: alive\ndata: {"intervalSeconds":5}\n\n');
    const doc = await readFile(new URL('../../docs/admin-api.md', import.meta.url), 'utf8');
    assert.match(doc, /`alive` is sent at once and every 5 s/);
  });

  test('too many clients: further ones are refused', async () => {
    await using rig = await serveHub({ mostClients: 1 });
    const first = await rig.open();
    const second = await rig.open();
    assert.equal(second.response.statusCode, 503);
    await poll('the reason', () => second.heard().includes('too-many-clients') || undefined);
    first.response.destroy();
    await poll('the place to be free', () => rig.hub.clients === 0 || undefined);
    assert.equal((await rig.open()).response.statusCode, 200);
  });

  test('event after close: is dropped, also for a client that still reads', async () => {
    const rig = await serveHub();
    const { response, heard } = await rig.open();
    response.pause();
    const closed = rig.edge.close();
    rig.hub.publish('a', 'state', { version: 1 });
    // An error of the response would end the process.
    await new Promise(setImmediate);
    response.resume();
    await closed;
    assert.deepEqual(eventsOf(heard()), []);
  });

  test('other methods: HEAD has the headers without a stream, POST is not allowed', async () => {
    await using rig = await serveHub();
    const head = await ask(rig.address, '/events', { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-type']], [200, 'text/event-stream']);
    const post = await ask(rig.address, '/events', { method: 'POST' });
    assert.deepEqual([post.status, post.headers['allow']], [405, 'GET, HEAD']);
    assert.equal(rig.hub.clients, 0);
  });

  test('close: ends all streams', async () => {
    const rig = await serveHub();
    const { response } = await rig.open();
    const ended = once(response, 'end');
    await rig.edge.close();
    await ended;
    assert.equal(rig.hub.clients satisfies EventHub['clients'], 0);
  });
});
