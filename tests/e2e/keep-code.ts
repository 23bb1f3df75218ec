import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { keepCompiledParts } from '../../src/cli/compiled-code.ts';

// Loaded before `up`, which keeps no compiled code by itself where Node does not (src/cli/main.ts): what it spares is memory, and here
// hundreds of nodes start, each of which would compile the same for a quarter of its start.
if (isMainThread) {
  const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
  process.on('exit', keepCompiledParts(beside('main.js'), beside('../compiled')));
}
