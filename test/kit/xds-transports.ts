/** The values of `--xds-transport`, for tests that have to hold with each of them. */
export const xdsTransports = ['grpc-js', 'own'] as const;
