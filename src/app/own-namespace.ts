import { readRegularFile } from '../net/read-regular-file.ts';

const podNamespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Returns the namespace of this program's own objects: the given one, else that of its pod, else the fallback. */
export async function ownNamespace(configured: string | undefined, fallback: string): Promise<string> {
  if (configured !== undefined) return configured;
  const text = (await readRegularFile(podNamespaceFile).catch(() => '')).toString();
  return text.trim() === '' ? fallback : text.trim();
}
