/** Finds names in a query without a parser, to detect metrics that are not exposed. */

/** Returns the metrics of the program that an expression uses, with the suffixes of histograms. */
export function metricNames(expr: string): readonly string[] {
  return [...new Set(expr.match(/\b(?:meshtrust|nodejs|process)_[a-z0-9_]+\b/g))];
}

/** Returns all names before braces: the names of series. */
export function selectedNames(expr: string): readonly string[] {
  return [...expr.matchAll(/([A-Za-z_:][A-Za-z0-9_:]*)\s*\{/g)].map(([, name = '']) => name);
}

/** Returns a query of the dashboard as Grafana sends it with all jobs and meshes selected. */
export function filledIn(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(?:job|mesh)\b/g, '.*');
}
