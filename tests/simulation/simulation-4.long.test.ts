import { describeSeeds } from './seeds.ts';

describeSeeds(7501, 2_500);
