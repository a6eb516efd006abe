import { secretTypeUrl } from '../../src/trust/snapshot/publisher.ts';
import type { ServedMeshes } from '../../src/trust/snapshot/publisher.ts';
import { localFleet } from '../../src/fleet/fleet.ts';
import type { FleetLook } from '../../src/fleet/fleet.ts';
import { createServedHistory } from '../../src/fleet/served-history.ts';
import { createFleetTracker } from '../../src/fleet/track-fleet.ts';
import type { GoneLimits } from '../../src/fleet/gone-list.ts';
import type { Outgoing, StreamEnd, StreamInfo } from '../../src/xds/index.ts';

const typeUrl = secretTypeUrl;

/** Returns a stream after its first request. */
export function streamOf(id: number, nodeId = `node-${id}`, mesh = 'default'): StreamInfo {
  const rest = {
    transport: 'ads',
    protocol: 'delta',
    origin: '',
    userAgent: 'envoy 1.40.0',
    identity: undefined,
  } as const;
  return { id, nodeId, group: mesh, address: `10.0.0.${id}:1`, ...rest };
}

/** Returns meshes with secrets of the given versions: `{ALL: 'v1'}` for the mesh `default`. */
export function statesOf(
  names: Readonly<Record<string, string>>,
  mesh = 'default',
  version = Object.values(names).join('+'),
): ServedMeshes {
  const secrets = new Map(Object.entries(names).map(([name, of]) => [name, { name, version: of }]));
  return new Map([[mesh, { secrets: { version, secrets } }]]) as unknown as ServedMeshes;
}

/** A tracker and a history with a fake clock, and functions named after events. */
export function scene(limits?: Partial<GoneLimits>, lostWindowMs?: number) {
  let time = 1_000_000;
  const history = createServedHistory();
  const tracker = createFleetTracker({ now: () => time, limits, lostWindowMs, history });
  const { observer } = tracker;
  return {
    tracker,
    history,
    now: () => time,
    pass: (milliseconds: number) => {
      time += milliseconds;
    },
    publish: (states: ServedMeshes, since = time) => history.published(states, since, time),
    asks: (who: StreamInfo, type: string = typeUrl) => {
      observer.streamOpened?.(who);
      observer.request?.(who, { typeUrl: type, kind: 'initial', isSubscribed: true });
    },
    sent: (who: StreamInfo, version: string, name = 'ALL', nonce = '1') =>
      observer.response?.(who, outgoing({ resources: [{ name, version, body: new Uint8Array() }], nonce })),
    removed: (who: StreamInfo, name = 'ALL') => observer.response?.(who, outgoing({ removed: [name] })),
    /** Acknowledges a response that was sent before. */
    acks: (who: StreamInfo, version: string | undefined, name = 'ALL', unconfirmed = false, nonce = '1') =>
      observer.acked?.(who, { typeUrl, name, version, nonce, unconfirmed }),
    quotes: (who: StreamInfo, version: string, name = 'ALL', unconfirmed = false) =>
      observer.quoted?.(who, { typeUrl, name, version, unconfirmed }),
    drops: (who: StreamInfo, name = 'ALL') => observer.dropped?.(who, { typeUrl, name }),
    refuses: (who: StreamInfo, version: string, message = 'no', name = 'ALL') =>
      observer.nacked?.(who, { typeUrl, nonce: '1', resources: [{ name, version }], code: 13, message }),
    leaves: (who: StreamInfo, by: StreamEnd['by'] = 'client') =>
      observer.streamClosed?.(who, { code: 'CANCELLED', message: '', by }),
    look: (mesh?: string) => localFleet(tracker, history).look(mesh) as FleetLook,
  };
}

function outgoing(over: Partial<Outgoing>): Outgoing {
  return { typeUrl, version: '', resources: [], removed: [], nonce: '1', bytes: new Uint8Array(), ...over };
}
