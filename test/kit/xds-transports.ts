/** The values of `--xds-transport`, for tests that run with each of them. */
export const xdsTransports = ['own', 'grpc-js'] as const;
