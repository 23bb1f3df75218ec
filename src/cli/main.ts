#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';
import { createSystemClock } from '../node/system.ts';
import { titleHidingLinks } from './hide-link.ts';
import { listenForStop } from './stop-signals.ts';

function onStopSignal(stop: () => void): () => void {
  return listenForStop(
    {
      once: (signal, listener) => process.once(signal, listener),
      removeListener: (signal, listener) => process.removeListener(signal, listener),
      exit: () => process.exit(),
      later: (work, milliseconds) => void setTimeout(work, milliseconds).unref(),
      say: (line) => void process.stderr.write(`${line}\n`),
    },
    stop,
  );
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return text;
}

// A reader that went away, as in `satchel log | head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

/**
 * Keeps what was compiled, checked against the files, beside the program: who could write there could change the program
 * too. Where we cannot, nothing is kept. Node does so from 22.8 on; before that we do, except for a node that runs on,
 * which starts once and would hold more memory for it.
 */
async function keepCompiled(words: readonly string[]): Promise<void> {
  const { enableCompileCache } = nodeModule as { enableCompileCache?: (folder: string) => unknown };
  const main = fileURLToPath(import.meta.url);
  const folder = fileURLToPath(new URL('../compiled', import.meta.url));
  if (enableCompileCache !== undefined) enableCompileCache(folder);
  // Node maps only what it compiled itself to the sources.
  else if (main.endsWith('.js') && words[0] !== 'up' && !process.sourceMapsEnabled) {
    const { keepCompiledParts } = await import('./compiled-code.ts');
    process.on('exit', keepCompiledParts(main, folder));
  }
}

async function main(words: readonly string[]): Promise<void> {
  const title = titleHidingLinks(words);
  if (title !== null) process.title = title;
  if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
    // Asked often, by installers and scripts: nothing is loaded for it.
    process.stdout.write(`satchel ${version()}\n`);
    return;
  }
  await keepCompiled(words);
  const [{ runCli }, { COMMANDS }] = await Promise.all([import('./frame.ts'), import('./main-commands.ts')]);
  process.exitCode = await runCli(words, {
    entries: COMMANDS,
    io: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
    clock: createSystemClock(),
    version: version(),
    onStopSignal,
  });
}

void main(process.argv.slice(2));
