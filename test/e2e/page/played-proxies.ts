import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { createClient } from '../../xds/client.ts';
import type { ClientStream } from '../../xds/client.ts';
import type { DeltaResponse } from '../../xds/codec.ts';

const ads = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

/** Proxies that acknowledge on request. */
export interface PlayedProxies extends Disposable {
  /** From now on they acknowledge what comes, and what has come already; or leave it. */
  acknowledge(which: (index: number) => boolean): void;
  /** One of them refuses the next response that it gets. */
  refuseNext(index: number, message: string): void;
}

/**
 * Connects proxies, each a stream of its own on one connection, which acknowledge everything. `nameOf` returns the node
 * id of a proxy: `node-0…` by default.
 */
export function playProxies(
  address: string,
  count: number,
  nameOf: (index: number) => string = (index) => `node-${index}`,
): PlayedProxies {
  const client = createClient(address);
  const unanswered = new Map<number, DeltaResponse[]>();
  const refusals = new Map<number, string>();
  let acknowledges: (index: number) => boolean = () => true;
  const streams = Array.from({ length: count }, (_, index) => {
    const stream = client.delta(ads);
    stream.send({
      type_url: secretTypeUrl,
      node: { id: nameOf(index) },
      resource_names_subscribe: ['system_trust_bundle'],
    });
    void hear(index, stream);
    return stream;
  });

  async function hear(index: number, stream: ClientStream<DeltaResponse>): Promise<void> {
    try {
      for (;;) {
        const response = await stream.next();
        unanswered.set(index, [...(unanswered.get(index) ?? []), response]);
        answer(index);
      }
    } catch {
      // The stream has ended.
    }
  }

  function answer(index: number): void {
    if (!acknowledges(index)) return;
    for (const { nonce } of unanswered.get(index) ?? []) {
      const message = refusals.get(index);
      refusals.delete(index);
      const refusal = message === undefined ? {} : { error_detail: { code: 13, message } };
      streams[index]?.send({ type_url: secretTypeUrl, response_nonce: nonce, ...refusal });
    }
    unanswered.delete(index);
  }

  return {
    acknowledge(which) {
      acknowledges = which;
      for (const index of streams.keys()) answer(index);
    },
    refuseNext: (index, message) => void refusals.set(index, message),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}
