import type { WarmUpOptions } from '../../../src/frontend/warm-up/warm-up.ts';
import { GrpcServer } from '../../../src/transport/grpc-server.ts';
import { secretTypeUrl } from '../../../src/trust/snapshot/publisher.ts';
import { addXdsServices } from '../../../src/xds/index.ts';

/** The options of a warm-up that nothing ends. */
export const warmUpOptions: WarmUpOptions = {
  createServer: () => new GrpcServer(),
  addServices: (server, store, observer) =>
    addXdsServices(server, store, { observer, types: { [secretTypeUrl]: { oneResourcePerResponse: true } } }),
  isBusy: () => false,
  group: '',
};
