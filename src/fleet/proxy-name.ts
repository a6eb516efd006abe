/** The name of a proxy, common to all processes and servers. */
export interface ProxyName {
  readonly mesh: string;
  /** The node id, or a substitute that is unique in the mesh. */
  readonly node: string;
}

/** Returns a map key for a mesh and node. */
export function proxyKey({ mesh, node }: ProxyName): string {
  return `${mesh}\0${node}`;
}
