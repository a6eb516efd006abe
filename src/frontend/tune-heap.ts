import { setFlagsFromString } from 'node:v8';

/**
 * Flags of Node.js for a server, in MiB. V8 reads them only when a process starts, so the image, the executable and
 * `npm start` have them on their command lines. A server without them works, but needs more CPU.
 *
 * The warm-up leaves some tens of MB. Without the second flag, V8 collects the whole heap again and again while the
 * first thousands of proxies connect. Without the first, it shrinks the space of young objects of an idle server to
 * 1 MB, and `tuneHeap` does not let it grow. Measured in docs/adr/0030-own-transport.md.
 */
export const serverFlags: readonly string[] = ['--min-semi-space-size=8', '--initial-old-space-size=80'];

/**
 * Configures V8 for a process that receives many bytes and keeps few of them. Call it once the program is loaded.
 *
 * Each request arrives in a buffer outside of the heap, 61 KB for an Envoy that repeats its node. By default V8
 * marks the whole heap for every 64 MB of these buffers, about a thousand requests, independent of the heap size.
 * If the buffers count towards the heap limit, V8 frees them with the other young objects, which costs little. The
 * space of young objects keeps its current size, a few MB, instead of growing to three times 16 MB of short-lived
 * objects. Measured in docs/adr/0011-fast-path.md.
 *
 * Without pretenuring, all objects begin as young ones. V8 otherwise learns from streams that stay open that the
 * objects of a stream live long, and creates those of all streams among the old objects. When such a stream ends, its
 * old objects keep its young ones until the next full garbage collection. Measured in docs/adr/0030-own-transport.md.
 */
export function tuneHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--no-allocation-site-pretenuring');
}
