import { describeSeeds } from './seeds.ts';

describeSeeds(2501, 2_500);
