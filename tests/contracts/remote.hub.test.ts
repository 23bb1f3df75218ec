import { createTlsIdentity, tlsPinOfIdentity } from '../../src/gateways/native/tls-identity.ts';
import { startHub } from '../gateways/native-place.ts';
import { describeRemoteContract } from './remote.ts';
import { createTestClock } from './test-clock.ts';

const limits = { mailboxWrites: { burst: 500, perSecond: 1 }, mailboxReads: { burst: 500, perSecond: 1 } };

describeRemoteContract('hub over http', async () => {
  // The suite fills a mailbox from one address faster than people do.
  const hub = await startHub({ deps: { limits } });
  return { open: async () => hub.connect(), clock: hub.clock, dispose: () => hub.close() };
});

const identity = createTlsIdentity(['localhost', '127.0.0.1'], createTestClock());

describeRemoteContract('hub over pinned TLS', async () => {
  const tls = await identity;
  const hub = await startHub({ deps: { limits }, listen: { tls }, tlsPin: tlsPinOfIdentity(tls) });
  return { open: async () => hub.connect(), clock: hub.clock, dispose: () => hub.close() };
});
