import { describeSeeds } from './seeds.ts';

describeSeeds(5001, 2_500);
