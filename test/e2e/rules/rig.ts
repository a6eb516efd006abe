import { Server, ServerCredentials } from '@grpc/grpc-js';
import { createLedger } from '../../../src/trust/ledger/ledger.ts';
import type { LedgerEvent } from '../../../src/trust/ledger/ledger.ts';
import { createMeshBuilder } from '../../../src/trust/snapshot/mesh-builder.ts';
import { createPublisher, secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { addXdsServices, createSnapshotStore, xdsServerOptions } from '../../../src/xds/index.ts';
import { noPolicy } from '../../kit/bundles.ts';
import { createClient } from '../../xds/client.ts';
import type { ClientStream } from '../../xds/client.ts';
import type { DeltaResponse } from '../../xds/codec.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** From what is in files to what a proxy gets: every stage but the directory, in this process. */
export interface Rig extends AsyncDisposable {
  /** Puts versions of files into force and publishes what they give. */
  readonly apply: (...events: readonly LedgerEvent[]) => void;
  /** A delta ADS stream of a proxy on a connection of its own. */
  readonly connect: () => ClientStream<DeltaResponse>;
  /** Versions that were acknowledged, and whether that is believed. */
  readonly acks: readonly { readonly version: string | undefined; readonly believed: boolean }[];
}

/** Starts one; the guard is off. */
export async function startRig(): Promise<Rig> {
  const ledger = createLedger(['files'], { holdMs: 0 });
  const builder = createMeshBuilder(noPolicy);
  const store = createSnapshotStore();
  const publish = createPublisher(store);
  const acks: { version: string | undefined; believed: boolean }[] = [];
  const server = new Server(xdsServerOptions());
  const xds = addXdsServices(server, store, {
    groupOf: () => 'default',
    types: { [secretTypeUrl]: { oneResourcePerResponse: true } },
    otherTypes: { unset: 'empty' },
    observer: {
      acked: (_, { version, unconfirmed }) => void acks.push({ version, believed: !unconfirmed }),
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const clients: Disposable[] = [];
  let now = 0;
  return {
    acks,
    apply: (...events) => {
      ledger.apply('files', events, (now += 10_000));
      publish(builder.build(ledger.view().holdings, Date.now()));
    },
    connect: () => {
      const client = createClient(`127.0.0.1:${port}`);
      clients.push(client);
      return client.delta(ads);
    },
    [Symbol.asyncDispose]: async () => {
      await xds.drain(0);
      for (const client of clients) client[Symbol.dispose]();
      server.forceShutdown();
    },
  };
}

/** A first request of a proxy for secrets. */
export function subscribe(names: readonly string[], more: object = {}): object {
  return { node: { id: 'proxy' }, type_url: secretTypeUrl, resource_names_subscribe: names, ...more };
}

/** The answer to a response; with a message, a refusal. */
export function answer({ nonce, type_url }: DeltaResponse, refusal?: string): object {
  return {
    type_url,
    response_nonce: nonce,
    ...(refusal !== undefined && { error_detail: { code: 13, message: refusal } }),
  };
}
