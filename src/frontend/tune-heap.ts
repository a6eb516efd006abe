import { setFlagsFromString } from 'node:v8';

/**
 * Sets V8 up for a process through which more bytes pass than it keeps. Call it once the program is loaded.
 *
 * Each request comes in a buffer outside of the heap, 61 KB for an Envoy that repeats its node. By default V8
 * marks the whole heap for every 64 MB of those, that is for every thousand requests, however large the heap
 * is. Counted within the limit of the heap they are freed with the other young objects, which costs little;
 * and the space of these is kept at the size that it has by now, a few MB, instead of growing to three times
 * 16 MB of which nothing lives long. Measured in docs/adr/0011-fast-path.md.
 */
export function tuneHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString('--semi-space-growth-factor=1');
}
