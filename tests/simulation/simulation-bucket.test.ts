import { describeSeeds } from './seeds.ts';

describeSeeds(1, 30, 'bucket');
