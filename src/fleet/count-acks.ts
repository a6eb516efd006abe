import type { XdsObserver } from '../xds/index.ts';

/** Notices when the responses to a change seem to be acknowledged. */
export interface AckCounter {
  readonly observer: XdsObserver;
  /** A change is about to be sent. */
  publishing(): void;
  /** Sets what is called once for each change, in place of an earlier callback. */
  whenAcked(callback: () => void): void;
}

/**
 * Counts what is sent and acknowledged since the last change. The callback is a reason to compare the proxies with the
 * served version at once, and no more than that: acknowledgements of earlier responses count, too, and there is none for a
 * change that some proxy rejects or does not answer. Three numbers, because a push must cost nothing.
 */
export function createAckCounter(): AckCounter {
  let [sent, acked] = [0, 0];
  /** True from the change until all streams were notified of it: until then, `sent` is not complete. */
  let isSending = false;
  let isDue = false;
  let callback: (() => void) | undefined;

  function check(): void {
    if (!isDue || isSending || sent === 0 || acked < sent) return;
    isDue = false;
    callback?.();
  }

  return {
    observer: {
      response: (_stream, { resources, removed }) => {
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
      sent = acked = 0;
      isSending = isDue = true;
    },
    whenAcked(next) {
      callback = next;
    },
  };
}
