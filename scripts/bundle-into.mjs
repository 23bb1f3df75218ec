// node scripts/bundle-into.mjs ROOT DIST: a process of its own, since the bundler would keep its memory for as long as
// the program runs that is started next (660 MB beside the 90 of a node).
import { bundle } from './bundle.mjs';

const [root, dist] = process.argv.slice(2);
try {
  await bundle(root, dist);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
