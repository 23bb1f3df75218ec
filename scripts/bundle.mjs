import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { rolldown } from 'rolldown';
import { fewChunks } from './chunks.mjs';

/** What stays a package: native code, and what is loaded by its name when it is needed. All else is in the bundle. */
const EXTERNAL = ['better-sqlite3', '@toondepauw/node-zstd', 'pino'];

/**
 * Bundles the program into `dist`: `cli/main.js`, and beside it what it loads when it is needed. Node starts a few
 * CommonJS files in a third of the time that the hundreds of modules take which they are made of. Nothing is minified,
 * so that stack traces read well; with --enable-source-maps they name the sources. Types are not checked here. `more`: other
 * entries, by the path in `dist` without `.js`, which share the program's parts.
 */
export async function bundle(root, dist, more = {}) {
  const { plugin, codeSplitting } = fewChunks(root);
  const build = await rolldown({
    input: { 'cli/main': path.join(root, 'src/cli/main.ts'), 'cli/thread': path.join(root, 'src/node/threads/thread.ts'), ...more },
    platform: 'node',
    external: EXTERNAL,
    transform: { target: 'node20.19' },
    plugins: [plugin],
    preserveEntrySignatures: 'allow-extension',
    // What one part loads when it is needed may be in a file that another loads at once.
    checks: { ineffectiveDynamicImport: false },
  });
  try {
    const { output } = await build.write({
      dir: dist,
      format: 'cjs',
      // `require` throughout: code that V8 takes from what was kept of it has no `import()` (src/cli/compiled-code.ts).
      dynamicImportInCjs: false,
      sourcemap: true,
      codeSplitting,
      entryFileNames: '[name].js',
      chunkFileNames: 'cli/[name]-[hash].js',
    });
    await Promise.all(output.filter(({ type }) => type === 'chunk').map(({ fileName }) => toAscii(path.join(dist, fileName))));
    const main = path.join(dist, 'cli/main.js');
    await chmod(main, 0o755);
    await writeFile(path.join(dist, 'package.json'), '{"type":"commonjs"}\n');
    await writeFile(path.join(dist, 'THIRD-PARTY-LICENSES.txt'), await licensesOf(output));
    return main;
  } finally {
    await build.close();
  }
}

/** One character beyond Latin-1 anywhere, and V8 holds two bytes for each of the file, for as long as the process lives. */
async function toAscii(file) {
  const text = await readFile(file, 'utf8');
  if (/(?<!\\)(?:\\\\)*\\[^\0-\x7f]/.test(text))
    throw new Error(`${file}: a character that cannot be written otherwise follows a backslash`);
  const escape = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  await writeFile(file, text.replaceAll(/[^\0-\x7f]/g, escape));
}

/** The licenses of the packages that the bundle holds parts of: they ask for it. */
async function licensesOf(output) {
  const folders = new Set();
  for (const { modules = {} } of output) {
    for (const id of Object.keys(modules)) {
      const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll(path.sep, '/'))?.[0];
      if (folder !== undefined && !id.startsWith('\0')) folders.add(folder);
    }
  }
  const texts = await Promise.all([...folders].map(licenseOf));
  return `Parts of these packages are in the files beside this one.\n\n${texts.toSorted().join('\n')}`;
}

async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  return [`${name} ${version} (${license})`, ...texts.map((text) => text.trim())].join('\n\n').concat('\n');
}
