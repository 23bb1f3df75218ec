import { afterAll } from 'vitest';
import { gitOverSsh } from './git-transports.ts';
import { describeRemoteContract } from './remote.ts';

const { name, places, addressOf, options, stop } = await gitOverSsh();
afterAll(stop);

describeRemoteContract(name, places.underTest(addressOf, options));
