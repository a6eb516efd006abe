/** A proxy as other processes and other servers know it. */
export interface ProxyName {
  readonly mesh: string;
  /** Node id, or a stand-in that is unique in the mesh. */
  readonly node: string;
}

/** Returns a key for maps: the same for the same mesh and node. */
export function proxyKey({ mesh, node }: ProxyName): string {
  return `${mesh}\0${node}`;
}
