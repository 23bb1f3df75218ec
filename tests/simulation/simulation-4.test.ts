import { describeSeeds } from './seeds.ts';

describeSeeds(301, 100);
