import { createApiClient } from '../../../src/kubernetes/client/api-client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/client/kube-config.ts';
import { testAuthKinds } from './auth-kinds.ts';

testAuthKinds(async () => ({ createApiClient, loadKubeConfig }));
