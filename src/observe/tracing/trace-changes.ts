import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { Rollout } from '../../fleet/rollout.ts';
import type { StateEvent } from '../../runtime/state-view.ts';

/** An interval of time, in monotonic milliseconds. */
export interface Interval {
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Creates a trace for each change, from its cause to the last acknowledgement. */
export interface ChangeTracer {
  /** A change was published within the interval `publish`. */
  served(event: Extract<StateEvent, { kind: 'served' }>, publish: Interval): void;
  /** All connected proxies of a mesh have the served version; the server gave up waiting for `gaveUp` lost proxies. */
  converged(rollout: Rollout, gaveUp?: number): void;
  /** Ends the open spans. */
  close(): void;
}

export interface ChangeTracerOptions {
  readonly tracer: Tracer;
  readonly clock: {
    readonly monotonic: () => number;
    readonly wall: () => number;
    readonly after: (milliseconds: number, callback: () => void) => () => void;
  };
  /** Returns the number of connected proxies of a mesh. */
  readonly proxies: (mesh: string) => number;
}

/** The time, in ms, after which a roll-out is traced as incomplete: else one hanging proxy would hide the trace. */
export const giveUpMs = 300_000;
/** The most names in one attribute. */
const maxNames = 20;

interface Push {
  readonly version: string;
  readonly span: Span;
  readonly startedAt: number;
  readonly change: { readonly root: Span; open: number; endedAt: number };
  readonly cancel: () => void;
}

type Ending = 'converged' | 'superseded' | 'given-up' | 'closed';

/**
 * Creates a tracer of changes. A change has one span for each step and one for each mesh, independent of the number
 * of proxies. Times are epoch milliseconds.
 */
export function createChangeTracer({ tracer, clock, proxies }: ChangeTracerOptions): ChangeTracer {
  const pushes = new Map<string, Push>();

  function span(name: string, context: Context, startTime: number, attributes: Attributes): Span {
    return tracer.startSpan(name, { startTime, attributes }, context);
  }

  function end(mesh: string, push: Push, how: Ending, at: number): void {
    const { span: pushed, startedAt, change, cancel } = push;
    pushes.delete(mesh);
    cancel();
    pushed.setAttribute('meshtrust.outcome', how);
    if (how === 'given-up')
      pushed.setStatus({ code: SpanStatusCode.ERROR, message: 'not all proxies are in sync' });
    // Times of acknowledgements are whole milliseconds, and can be in the same millisecond as the push.
    const endedAt = Math.max(at, startedAt);
    pushed.end(endedAt);
    change.open -= 1;
    change.endedAt = Math.max(change.endedAt, endedAt);
    if (change.open === 0) change.root.end(change.endedAt);
  }

  return {
    served({ changes, since, work }, publish) {
      if (changes.length === 0) return;
      // One offset for all steps, so that a clock change in between cannot reorder them.
      const offset = clock.wall() - clock.monotonic();
      const begins = [since, (work.parse ?? work.build).startedAt + offset, work.build.startedAt + offset];
      const root = span('trust change', ROOT_CONTEXT, Math.min(...begins), {
        'meshtrust.paths': [...work.paths],
        'meshtrust.texts': work.texts,
        'meshtrust.meshes': changes.slice(0, maxNames).map(({ mesh }) => mesh),
        'meshtrust.trust_domains': changes
          .flatMap(({ trustDomains }) => trustDomains.map(({ trustDomain }) => trustDomain))
          .slice(0, maxNames),
      });
      const context = trace.setSpan(ROOT_CONTEXT, root);
      const step = (name: string, { startedAt, endedAt }: Interval, attributes: Attributes): void =>
        span(name, context, startedAt + offset, attributes).end(endedAt + offset);
      if (work.parse !== undefined) {
        const { texts, parse } = work;
        step('parse', parse, { 'meshtrust.texts': texts, 'meshtrust.busy_ms': parse.busyMs });
      }
      step('build', work.build, {});
      step('publish', publish, {});

      const change = { root, open: changes.length, endedAt: publish.endedAt + offset };
      const servedAt = publish.startedAt + offset;
      for (const { mesh, version, denyAll } of changes) {
        const before = pushes.get(mesh);
        if (before !== undefined) end(mesh, before, 'superseded', servedAt);
        const push: Push = {
          version,
          startedAt: servedAt,
          change,
          span: span('push', context, servedAt, {
            'meshtrust.mesh': mesh,
            'meshtrust.version': version,
            'meshtrust.deny_all': denyAll,
            'meshtrust.proxies': proxies(mesh),
          }),
          cancel: clock.after(giveUpMs, () => end(mesh, push, 'given-up', clock.wall())),
        };
        pushes.set(mesh, push);
      }
    },
    converged({ mesh, current, connected, convergedAt }, gaveUp = 0) {
      const push = pushes.get(mesh);
      if (push === undefined || push.version !== current.version) return;
      push.span.setAttribute('meshtrust.proxies', connected);
      if (gaveUp > 0) push.span.setAttribute('meshtrust.lost', gaveUp);
      end(mesh, push, 'converged', convergedAt ?? clock.wall());
    },
    close() {
      for (const [mesh, push] of pushes) end(mesh, push, 'closed', clock.wall());
    },
  };
}
