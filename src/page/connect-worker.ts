import type { SharedMessage } from './event-share.ts';
import type { SharedPort } from './shared-events.ts';

/** The part of Trusted Types that is used. The types of the DOM do not have it. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { readonly createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): string };
}

/** Modules have the extension `ts` in a checkout. */
const file = `/ui/event-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`;
/** Tabs of different versions of the page must not share a worker if their messages differ: then change this name. */
const name = 'meshtrust events 1';

/** Connects to the shared worker; `undefined` in a browser without shared workers. */
export function connectWorker(
  received: (message: SharedMessage) => void,
  failed: () => void,
): SharedPort | undefined {
  if (!('SharedWorker' in globalThis)) return undefined;
  try {
    const worker = new SharedWorker(trustedFile(), { type: 'module', name });
    worker.addEventListener('error', failed);
    const { port } = worker;
    port.addEventListener('message', ({ data }: MessageEvent<SharedMessage>) => received(data));
    port.start();
    return { ping: () => port.postMessage('ping'), close: () => port.close() };
  } catch {
    // For example because the settings of the browser forbid it.
    return undefined;
  }
}

/** The policy of the page demands a trusted URL. This policy gives out a single one. */
function trustedFile(): string {
  const { trustedTypes } = globalThis as { readonly trustedTypes?: TrustedTypes };
  const policy = trustedTypes?.createPolicy('meshtrust', { createScriptURL: () => file });
  return policy?.createScriptURL(file) ?? file;
}
