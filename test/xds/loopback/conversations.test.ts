import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ClientStream, XdsClient } from '../client.ts';
import { deltaConversations } from '../delta-conversations.ts';
import { sotwConversations } from '../sotw-conversations.ts';
import { createScriptedClient, readDelta, readSotw } from '../scripted-client.ts';
import type { ReadResponse } from '../scripted-client.ts';
import type { Conversation } from '../step.ts';
import { setOf, reportingObserver, testTypes, urlOf } from '../vocabulary.ts';
import { ads, roundTrip, sds, serve } from './serving.ts';

interface Side<Response extends { readonly type_url: string }> {
  readonly protocol: 'delta' | 'sotw';
  readonly open: (client: XdsClient) => ClientStream<Response>;
  readonly read: (response: Response) => ReadResponse;
}

suite('DeltaAggregatedResources', () => {
  run(deltaConversations, { protocol: 'delta', open: (client) => client.delta(ads.delta), read: readDelta });
});

suite('StreamAggregatedResources', () => {
  run(sotwConversations, { protocol: 'sotw', open: (client) => client.sotw(ads.sotw), read: readSotw });
});

suite('DeltaSecrets', () => {
  const possible = deltaConversations.filter(({ aggregated }) => !aggregated);
  run(possible, { protocol: 'delta', open: (client) => client.delta(sds.delta), read: readDelta });
});

suite('StreamSecrets', () => {
  const possible = sotwConversations.filter(({ aggregated }) => !aggregated);
  run(possible, { protocol: 'sotw', open: (client) => client.sotw(sds.sotw), read: readSotw });
});

function run<Response extends { readonly type_url: string }>(
  conversations: readonly Conversation[],
  side: Side<Response>,
): void {
  assert.ok(conversations.length > 20);
  for (const { name, steps } of conversations) test(name, () => converse(steps, side));
}

async function converse<Response extends { readonly type_url: string }>(
  steps: Conversation['steps'],
  side: Side<Response>,
): Promise<void> {
  let now = 0;
  let reports: string[] = [];
  let requests = 0;
  let sent = 0;
  let taken = 0;
  const reporter = reportingObserver((report) => reports.push(report));
  await using serving = await serve({
    types: testTypes,
    clock: () => now,
    tickMs: 2,
    observer: {
      ...reporter,
      request(stream, request) {
        requests += 1;
        reporter.request(stream, request);
      },
      response: () => void (sent += 1),
    },
  });
  const client = serving.connect();
  const script = createScriptedClient(side.protocol);
  let stream = side.open(client);

  /**
   * Waits until all responses have arrived: each round trip on the same connection comes back after the data
   * written before it, and the server has then handled that data.
   */
  async function settle(): Promise<void> {
    for (let before = -1; before !== sent || stream.received !== sent;) {
      before = sent;
      await roundTrip(client);
    }
  }

  for (const [index, { action, type, gets, reports: expected }] of steps.entries()) {
    const where = `step ${index + 1}: ${JSON.stringify(action)}`;
    reports = [];
    const got: string[] = [];
    const request = script.request(action, type);
    if (action.kind === 'set') serving.store.set('', urlOf[type], setOf(action.contents, action.wildcard));
    if (action.kind === 'wait') now += action.ms;
    if (action.kind === 'reconnect') {
      script.reconnect(action.node);
      stream.cancel();
      await stream.ended;
      [sent, taken] = [0, 0];
      stream = side.open(client);
    }
    if (request !== undefined) {
      const before = requests;
      stream.send(request);
      await serving.until(() => requests > before);
    }
    while (got.length < gets.length) {
      const response = await stream.next();
      const read = side.read(response);
      script.received(response.type_url, read);
      got.push(read.summary);
      taken += 1;
    }
    await settle();
    const more = stream.received - taken;
    assert.deepEqual({ got, reports, more }, { got: gets, reports: expected, more: 0 }, where);
  }
}
