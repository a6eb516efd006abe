/** Finds the names in a query, without a parser: enough to notice a metric that is not exposed. */

/** The metrics of the program that an expression names, suffixes of histograms included. */
export function metricNames(expr: string): readonly string[] {
  return [...new Set(expr.match(/\b(?:meshtrust|nodejs|process)_[a-z0-9_]+\b/g))];
}

/** Everything that stands before braces, and so is a name of a series. */
export function selectedNames(expr: string): readonly string[] {
  return [...expr.matchAll(/([A-Za-z_:][A-Za-z0-9_:]*)\s*\{/g)].map(([, name = '']) => name);
}

/** A query of the dashboard, as Grafana sends it with everything selected. */
export function filledIn(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(?:job|mesh)\b/g, '.*');
}
