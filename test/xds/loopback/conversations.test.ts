import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ClientStream, XdsClient } from '../client.ts';
import { deltaConversations } from '../delta-conversations.ts';
import { sotwConversations } from '../sotw-conversations.ts';
import { createSpeaker, hearDelta, hearSotw } from '../speaker.ts';
import type { Heard } from '../speaker.ts';
import type { Conversation } from '../step.ts';
import { setOf, telling, testTypes, urlOf } from '../vocabulary.ts';
import { ads, roundTrip, sds, serve } from './serving.ts';

interface Side<Response extends { readonly type_url: string }> {
  readonly protocol: 'delta' | 'sotw';
  readonly open: (client: XdsClient) => ClientStream<Response>;
  readonly hear: (response: Response) => Heard;
}

suite('DeltaAggregatedResources', () => {
  run(deltaConversations, { protocol: 'delta', open: (client) => client.delta(ads.delta), hear: hearDelta });
});

suite('StreamAggregatedResources', () => {
  run(sotwConversations, { protocol: 'sotw', open: (client) => client.sotw(ads.sotw), hear: hearSotw });
});

suite('DeltaSecrets', () => {
  const possible = deltaConversations.filter(({ aggregated }) => !aggregated);
  run(possible, { protocol: 'delta', open: (client) => client.delta(sds.delta), hear: hearDelta });
});

suite('StreamSecrets', () => {
  const possible = sotwConversations.filter(({ aggregated }) => !aggregated);
  run(possible, { protocol: 'sotw', open: (client) => client.sotw(sds.sotw), hear: hearSotw });
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
  const teller = telling((report) => reports.push(report));
  await using serving = await serve({
    types: testTypes,
    clock: () => now,
    tickMs: 2,
    observer: {
      ...teller,
      request(stream, request) {
        requests += 1;
        teller.request(stream, request);
      },
      response: () => void (sent += 1),
    },
  });
  const client = serving.connect();
  const speaker = createSpeaker(side.protocol);
  let stream = side.open(client);

  /**
   * Waits until all is said that there is to say: each round trip on the same connection comes back after
   * what was written before it, and finds the server done with that.
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
    const request = speaker.request(action, type);
    if (action.kind === 'set') serving.store.set('', urlOf[type], setOf(action.contents, action.wildcard));
    if (action.kind === 'wait') now += action.ms;
    if (action.kind === 'reconnect') {
      speaker.reconnect(action.node);
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
      const heard = side.hear(response);
      speaker.heard(response.type_url, heard);
      got.push(heard.said);
      taken += 1;
    }
    await settle();
    const more = stream.received - taken;
    assert.deepEqual({ got, reports, more }, { got: gets, reports: expected, more: 0 }, where);
  }
}
