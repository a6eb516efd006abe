import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { createLiveEvents } from '../../src/app/live-events.ts';
import type { LiveEvents } from '../../src/app/live-events.ts';
import { localFleet } from '../../src/fleet/fleet.ts';
import { createServedHistory } from '../../src/fleet/served-history.ts';
import { createFleetTracker } from '../../src/fleet/track-fleet.ts';
import { makeCa } from '../kit/certificates.ts';
import { content, makeRig, synced } from '../observe/rig.ts';

test('another resource lists the same CA: clients of the events learn that a response has changed', () => {
  const holder: { live?: LiveEvents } = {};
  const rig = makeRig((event) => holder.live?.state(event));
  const history = createServedHistory();
  const ignore = (): void => undefined;
  using live = createLiveEvents({
    fleet: localFleet(createFleetTracker({ now: rig.clock.wall }), history),
    view: () => rig.pipeline.view(),
    clock: rig.clock,
    onConverged: ignore,
    onLost: ignore,
    onFailed: ignore,
  });
  holder.live = live;
  const ca = makeCa({ commonName: 'A' });
  const trust = { trustDomain: 'a.test', pems: [ca.certPem] };
  rig.deliver(content(trust), synced);
  let heard = '';
  const response = Object.assign(new EventEmitter(), {
    writeHead: ignore,
    write: (text: string) => ((heard += text), true),
    end: ignore,
  });
  live.hub.open(response as unknown as ServerResponse);
  heard = '';
  rig.deliver(content({ ...trust, name: 'other' }));
  assert.match(heard, /^event: state\ndata: /);
  live.hub.close();
});
