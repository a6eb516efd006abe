import type { XdsObserver } from '../xds/index.ts';

/** Notices when the responses that carry a change seem to be acknowledged. */
export interface AckCounter {
  readonly observer: XdsObserver;
  /** A change is about to be sent. */
  publishing(): void;
  /** Sets the callback, in place of an earlier one. It is called at most once for each change. */
  readonly whenAcked: (callback: () => void) => void;
}

/**
 * Counts what is sent and acknowledged since the last change that was sent to any stream. The callback is a reason to
 * compare the proxies with the served version at once, and no more than that: acknowledgements of earlier responses
 * count, too, and it may not be called for a change that some proxy rejects or does not answer. All it does for a push
 * is to add numbers.
 */
export function createAckCounter(): AckCounter {
  let [sent, acked] = [0, 0];
  /** True from a change until its first response. */
  let isNew = false;
  /** True from the first response until all streams were notified: until then, `sent` is not complete. */
  let isSending = false;
  let isDue = false;
  let callback: (() => void) | undefined;

  function check(): void {
    if (!isDue || isSending || acked < sent) return;
    isDue = false;
    callback?.();
  }

  return {
    observer: {
      response: (_stream, { resources, removed }) => {
        // Not when it is published: no stream may need the change, and an earlier one may be on its way.
        if (isNew) {
          sent = acked = 0;
          isNew = false;
          isSending = isDue = true;
        }
        sent += resources.length + removed.length;
      },
      acked: () => {
        acked += 1;
        check();
      },
      fannedOut: () => {
        isSending = false;
        check();
      },
    },
    publishing() {
      isNew = true;
    },
    whenAcked: (next) => {
      callback = next;
    },
  };
}
