import type { RequestPolicy, RequestPolicyFactory } from '@azure/storage-blob';
import { NotTheStore } from '../not-the-store.ts';
import { isHeeded } from './azure-error.ts';

/**
 * Of what answers in the place of a store, as the page of a Wi-Fi or a proxy's, nothing is believed: not that a blob was written,
 * what it holds, or that it is not there. Azure numbers each answer; the SDK itself takes any 200 for a success.
 */
export const heedOnlyAzure: RequestPolicyFactory = {
  create: (next: RequestPolicy): RequestPolicy => ({
    async sendRequest(request) {
      const response = await next.sendRequest(request);
      const { status, headers } = response;
      if (isHeeded(status) && headers.get('x-ms-request-id') === undefined) throw new NotTheStore(status);
      return response;
    },
  }),
};
