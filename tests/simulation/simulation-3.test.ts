import { describeSeeds } from './seeds.ts';

describeSeeds(201, 100);
