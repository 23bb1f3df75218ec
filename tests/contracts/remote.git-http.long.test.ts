import { afterAll } from 'vitest';
import { gitOverHttp } from './git-transports.ts';
import { describeRemoteContract } from './remote.ts';

const { name, places, addressOf, options, stop } = await gitOverHttp();
afterAll(stop);

describeRemoteContract(name, places.underTest(addressOf, options));
