import type { ChildProcess } from 'node:child_process';

/** The connections that are being given to a worker. */
export interface Handovers {
  /** Closes those that the worker has not confirmed. Must be called once it has ended. */
  close(): void;
}

/** A message of `cluster` that gives a connection to a worker, or the confirmation of one (`ack`). */
interface ClusterMessage {
  readonly cmd?: unknown;
  readonly act?: unknown;
  readonly seq?: unknown;
  readonly ack?: unknown;
}

/**
 * Follows the connections that `cluster` gives to a worker. Node.js 26 forgets the connection that it was giving to a
 * worker that dies: it stays open in this process, and no one reads from it. The proxy would wait for ever, without an
 * update. There is no public interface: if the internal messages differ from the known ones, nothing is closed.
 */
export function followHandovers(worker: ChildProcess): Handovers {
  const open = new Map<unknown, { close(): void }>();
  const original: unknown = Reflect.get(worker, 'send');
  if (typeof original === 'function')
    Reflect.set(worker, 'send', (...args: readonly unknown[]): unknown => {
      const [message, handle] = args as readonly [ClusterMessage, unknown];
      if (message.cmd === 'NODE_CLUSTER' && message.act === 'newconn' && isClosable(handle))
        open.set(message.seq, handle);
      return Reflect.apply(original, worker, args) as unknown;
    });
  worker.on('internalMessage', ({ cmd, ack }: ClusterMessage) => {
    if (cmd === 'NODE_CLUSTER') open.delete(ack);
  });
  return {
    close() {
      for (const handle of open.values()) handle.close();
      open.clear();
    },
  };
}

function isClosable(handle: unknown): handle is { close(): void } {
  return (
    typeof handle === 'object' && handle !== null && 'close' in handle && typeof handle.close === 'function'
  );
}
