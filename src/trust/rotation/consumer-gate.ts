import { counted } from '../../text/counted.ts';
import { describeTime } from './describe-time.ts';
import type { AnsweredFacts, ConsumerFacts, GateOptions, PublicationFacts } from './facts.ts';
import { gate } from './gate-catalogue.ts';
import type { Gate } from './gate-catalogue.ts';

/** Maximum number of consumers that a detail names. */
const maxNamed = 5;

/** A consumer polls at about the refresh hint. One that missed a fetch, or two, has fetched after three intervals. */
const intervals = 3;

/**
 * Servers give the age of a fetch by their own clocks, and answer one after the other. Fetches of one consumer from two
 * servers that are not further apart count as simultaneous.
 */
const answersApartMs = 10_000;

/**
 * Returns the gate about consumers of the bundle. Each known one must have confirmed the published bundle, and it must
 * be published long enough for those that no server knows: a server knows only who fetched from it since it started.
 */
export function consumerGate(
  answered: readonly AnsweredFacts[],
  { consumerWindowMs }: Pick<GateOptions, 'consumerWindowMs'>,
): Gate {
  const silent = answered.find(({ publication }) => publication === 'unknown');
  if (silent !== undefined)
    return gate('R30', false, `unknown: ${silent.server} does not say what consumers have confirmed`);
  const withheld = answered.find(({ publication }) => publication === 'withheld');
  if (withheld !== undefined)
    return gate(
      'R30',
      false,
      `${withheld.server} has not published the served CA certificates yet, so no consumer of it has them`,
    );
  const publications = answered.flatMap(({ publication }) =>
    publication === undefined || typeof publication === 'string' ? [] : [publication],
  );
  if (publications.length === 0) return gate('R30', true, 'the servers do not publish the trust domain');
  const contents = new Set(publications.map(({ etag }) => etag)).size;
  if (contents > 1)
    return gate('R30', false, `the servers publish ${contents} different bundles of the trust domain`);
  const late = latestOf(publications).filter(({ state }) => state !== 'current');
  if (late.length > 0)
    return gate(
      'R30',
      false,
      `${counted(late.length, 'consumer')} without a confirmed current bundle: ${named(late)}`,
    );
  return windowGate(publications, consumerWindowMs);
}

/** Returns the gate about consumers that no server knows. */
function windowGate(publications: readonly PublicationFacts[], windowMs: number | undefined): Gate {
  const unchangedMs = Math.min(...publications.map((publication) => publication.unchangedMs));
  const left = (windowMs ?? usualWindowMs(publications)) - unchangedMs;
  return gate(
    'R30',
    left <= 0,
    left <= 0
      ? 'all known consumers have confirmed the current bundle'
      : `the bundle changed ${describeTime(unchangedMs)} ago: other consumers may read it within ${describeTime(left)}`,
  );
}

function usualWindowMs(publications: readonly PublicationFacts[]): number {
  const polls = publications.flatMap(({ consumers }) => consumers.map(({ pollMs }) => pollMs ?? 0));
  return intervals * Math.max(...publications.map(({ hintMs }) => hintMs), ...polls);
}

/**
 * Returns each consumer once, by its last fetch: behind a load balancer, a consumer fetches from one server and then
 * from another. Of fetches that cannot be ordered, one that is not confirmed counts.
 */
function latestOf(publications: readonly PublicationFacts[]): readonly ConsumerFacts[] {
  const all = publications.flatMap(({ consumers }) => consumers);
  return [...Map.groupBy(all, ({ name }) => name).values()].flatMap((entries) => {
    const newest = Math.min(...entries.map(({ ageMs }) => ageMs));
    const last = entries.filter(({ ageMs }) => ageMs - newest <= answersApartMs);
    return last.find(({ state }) => state !== 'current') ?? last.slice(0, 1);
  });
}

function named(consumers: readonly ConsumerFacts[]): string {
  const more = consumers.length > maxNamed ? ` and ${consumers.length - maxNamed} more` : '';
  const names = consumers.slice(0, maxNamed).map(({ name, state }) => `${name}: ${state}`);
  return `${names.join(', ')}${more}`;
}
