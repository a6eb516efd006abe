import { consumerState } from '../../../src/bundle-endpoint/core/present-consumers.ts';
import type { Consumer } from '../../../src/bundle-endpoint/core/consumers.ts';
import { nextConsumer } from '../../../src/bundle-endpoint/core/follow-consumer.ts';
import type { PublicationFacts } from '../../../src/trust/rotation/facts.ts';

/** The refresh hint of the published bundle, in milliseconds. */
export const hintMs = 600_000;

/** What a server publishes: its version is the entity tag. */
interface Published {
  readonly version: string;
  /** Epoch milliseconds. */
  readonly since: number;
}

/**
 * A consumer that polls two servers and sends the entity tag of the bundle that it has, and what each server knows
 * about it. A response may be lost: the server does not notice.
 */
export function makeWorldConsumer(first: string, hasNew: (version: string) => boolean) {
  const known = new Map<number, Consumer>();
  let held = first;
  let polledAt = -Infinity;
  return {
    /** True if the version that it has lists the new CA. */
    hasNew: () => hasNew(held),
    /** When it polled last, in epoch milliseconds. */
    polledAt: () => polledAt,
    poll(server: number, { version }: Published, now: number, isReceived: boolean): void {
      polledAt = now;
      const isMatch = held === version;
      const seen = nextConsumer(known.get(server), {
        mesh: 'default',
        trustDomain: 'a.test',
        address: '10.0.0.1',
        userAgent: 'consumer',
        at: now,
        etag: version,
        claim: isMatch ? 'published' : 'other',
        sent: isMatch ? 'none' : 'whole',
      });
      known.set(server, seen);
      if (isReceived) held = version;
    },
    /** The server restarts. */
    forget: (server: number): void => void known.delete(server),
    factsAt(server: number, { version, since }: Published, now: number): PublicationFacts {
      const consumer = known.get(server);
      const consumers =
        consumer === undefined
          ? []
          : [
              {
                name: 'consumer',
                state: consumerState(consumer, { etag: version }),
                ageMs: now - (consumer.fetches.at(-1) ?? 0),
                // Its pauses are random. They do not make the window longer here.
                pollMs: undefined,
              },
            ];
      return { etag: version, hintMs, unchangedMs: now - since, consumers };
    },
  };
}
