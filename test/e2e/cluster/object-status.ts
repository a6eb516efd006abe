import { poll } from '../../kit/poll.ts';
import type { Stage } from './stage.ts';

/** The fields of a MeshTrust that tests use, in the output of kubectl. */
export interface StatusObject {
  readonly metadata: {
    readonly generation: number;
    readonly resourceVersion: string;
    readonly managedFields: readonly { readonly manager: string; readonly subresource?: string }[];
  };
  readonly status?: {
    readonly observedGeneration: number;
    readonly version?: string;
    readonly authorities: number;
    readonly expires?: string;
    readonly conditions: readonly StatusCondition[];
  };
}

export interface StatusCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

export interface StatusEvent {
  readonly type: string;
  readonly reason: string;
  readonly note: string;
  readonly regarding: { readonly name: string };
}

export async function getObject(stage: Stage, name: string): Promise<StatusObject> {
  return JSON.parse(await stage.kubectl(`get mtrust ${name} -o json --show-managed-fields`)) as StatusObject;
}

/** Waits until a condition of the newest generation of an object has this reason, and returns it. */
export async function untilCondition(
  stage: Stage,
  name: string,
  type: string,
  reason: string,
  timeoutMs = 15_000,
): Promise<StatusCondition> {
  return poll(
    `${name} to say ${type}: ${reason}`,
    async () => {
      const { status, metadata } = await getObject(stage, name);
      if (status?.observedGeneration !== metadata.generation) return undefined;
      return status.conditions.find((condition) => condition.type === type && condition.reason === reason);
    },
    { timeoutMs, everyMs: 200 },
  );
}

/** Waits until an object matches, and returns it. */
export async function untilObject(
  stage: Stage,
  name: string,
  fits: (object: StatusObject) => boolean,
  timeoutMs = 15_000,
): Promise<StatusObject> {
  return poll(
    `${name} to be as it should`,
    async () => {
      const object = await getObject(stage, name);
      return fits(object) ? object : undefined;
    },
    { timeoutMs, everyMs: 200 },
  );
}

/** Returns the Events about an object. */
export async function eventsOf(stage: Stage, name: string): Promise<readonly StatusEvent[]> {
  const text = await stage.kubectl('get events.events.k8s.io -o json');
  const { items } = JSON.parse(text) as { readonly items: readonly StatusEvent[] };
  return items.filter(({ regarding }) => regarding.name === name);
}

/** Waits for an Event about an object. */
export async function untilEvent(stage: Stage, name: string, reason: string): Promise<StatusEvent> {
  return poll(
    `the Event ${reason} of ${name}`,
    async () => (await eventsOf(stage, name)).find((event) => event.reason === reason),
    { everyMs: 200 },
  );
}
