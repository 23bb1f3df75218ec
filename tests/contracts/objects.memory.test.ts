import { createMemoryObjects } from '../../src/store/chunks/memory-objects.ts';
import { describeObjectsContract } from './objects.ts';

describeObjectsContract('memory', async () => {
  const objects = createMemoryObjects();
  return { objects, dispose: () => objects.close() };
});
