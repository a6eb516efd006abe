import type { ConsumerList } from '../api/consumer-api-types.ts';
import { errorReply, jsonReply } from './reply.ts';
import type { Route } from './router.ts';

/** The source of the responses about consumers of bundles. */
export interface ConsumerInput {
  /** `undefined` if the server publishes no bundles. */
  readonly bundleConsumers?: (() => ConsumerList) | undefined;
}

/** Returns the route of the consumers of published bundles. */
export function consumerRoutes({ bundleConsumers }: ConsumerInput): readonly Route[] {
  return [
    {
      method: 'GET',
      pattern: '/api/v1/federation/consumers',
      answer: () =>
        bundleConsumers === undefined
          ? errorReply('not-found', 'the server publishes no bundles: see --bundle-listen')
          : jsonReply(bundleConsumers()),
    },
  ];
}
