import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

// Two machines and a hub, as real processes with homes of their own in a temporary folder. Under a minute.
const program = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../dist/cli/main.js');
const root = mkdtempSync(path.join(tmpdir(), 'satchel-demo-'));
const running = new Set();
const color = process.stdout.isTTY && !process.env['NO_COLOR'];
const paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
const say = (text) => console.log(`\n${paint(1, text)}`);
const show = (text) => console.log(text.trimEnd().replaceAll(/^/gm, '    '));

function cleanUp() {
  for (const child of running) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    cleanUp();
    process.exit(130);
  });
}

function machine(name) {
  const home = path.join(root, name);
  const claude = path.join(home, '.claude');
  mkdirSync(path.join(claude, 'rules'), { recursive: true });
  const start = (args) => {
    const env = { PATH: process.env['PATH'], HOME: home, SATCHEL_PORT: '0' };
    const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
    return { child, output: () => output };
  };
  return {
    name,
    write: (file, text) => writeFileSync(path.join(claude, file), text),
    read(file) {
      try {
        return readFileSync(path.join(claude, file), 'utf8');
      } catch {
        return null;
      }
    },
    async run(...args) {
      const { child, output } = start(args);
      const code = await new Promise((resolve) => child.once('close', resolve));
      return { code, output: output() };
    },
    async up(...args) {
      const { child, output } = start(args);
      await until(`${name} is up`, () => {
        if (child.exitCode !== null) throw new Error(`${name}: satchel ${args[0]} ended: ${output()}`);
        return output().includes('Ctrl-C');
      });
      return async () => {
        child.kill('SIGTERM');
        await new Promise((resolve) => (child.exitCode === null ? child.once('exit', resolve) : resolve()));
      };
    },
  };
}

async function until(what, holds) {
  for (const end = performance.now() + 60_000; performance.now() < end;) {
    if (await holds()) return;
    await sleep(20);
  }
  throw new Error(`waited in vain: ${what}`);
}

async function linkOf(host) {
  const { output } = await host.run('invite', '--json');
  const { link } = JSON.parse(output);
  if (link === undefined) throw new Error(`${host.name}: satchel invite: ${output}`);
  return link;
}

async function play() {
  const [hub, laptop, desktop] = [machine('hub'), machine('laptop'), machine('desktop')];
  say('1. A hub: it orders and stores, and can read nothing.');
  await hub.up('up', '--hub');
  show('hub$ satchel up --hub');

  say('2. The laptop has a CLAUDE.md. It joins the hub by a link that works once.');
  laptop.write('CLAUDE.md', '# How we work\n\n- Be kind.\n- Write tests first.\n- Keep it short.\n');
  await laptop.up('join', await linkOf(hub), '--name', 'laptop');
  show((await laptop.run('status')).output.split('\n')[0]);

  say('3. The desktop joins the laptop by another link. Its home is empty, and then it is not.');
  const stopDesktop = await desktop.up('join', await linkOf(laptop), '--name', 'desktop');
  await until('the desktop has CLAUDE.md', () => desktop.read('CLAUDE.md') !== null);
  show(desktop.read('CLAUDE.md'));

  say('4. Saved here, readable there.');
  const began = performance.now();
  laptop.write('rules/git.md', 'Small commits, honest messages.\n');
  await until('the rule is on the desktop', () => desktop.read('rules/git.md') !== null);
  show(`rules/git.md was on the desktop ${Math.round(performance.now() - began)} ms after the laptop saved it`);

  say('5. The desktop goes offline. Both edit CLAUDE.md, in different lines. Back online, they merge.');
  await stopDesktop();
  desktop.write('CLAUDE.md', '# How we work\n\n- Be kind.\n- Write tests first.\n- Keep it short and plain.\n');
  laptop.write('CLAUDE.md', '# How we work together\n\n- Be kind.\n- Write tests first.\n- Keep it short.\n');
  const stopAgain = await desktop.up('up');
  await until(
    'both have the merge',
    () => laptop.read('CLAUDE.md') === desktop.read('CLAUDE.md') && /together[^]*plain/.test(laptop.read('CLAUDE.md')),
  );
  show(laptop.read('CLAUDE.md'));

  say('6. Offline again, both change the same line. Nothing is lost: both versions are kept, and either machine settles it.');
  await stopAgain();
  desktop.write('rules/git.md', 'Small commits. Rebase, never merge.\n');
  laptop.write('rules/git.md', 'Small commits. Merge, never rebase.\n');
  await until('the laptop sent it', async () => (await laptop.run('status')).output.startsWith('In sync'));
  await desktop.up('up');
  await until('the conflict is seen on the laptop', async () => (await laptop.run('conflicts')).code === 3);
  show(`laptop$ satchel conflicts\n${(await laptop.run('conflicts')).output.split('\n').slice(0, 4).join('\n')}`);
  const settled = await desktop.run('resolve', 'rules/git.md', '--take', 'sibling');
  show(`desktop$ satchel resolve rules/git.md --take sibling\n${settled.output}`);
  await until('both hold it', () => laptop.read('rules/git.md')?.includes('Rebase') === true);
  show(`laptop$ cat rules/git.md\n${laptop.read('rules/git.md')}`);

  say('7. Every version stays. What was not taken comes back with one command.');
  show(`laptop$ satchel log rules/git.md\n${(await laptop.run('log', 'rules/git.md')).output}`);
  const restored = await laptop.run('restore', 'rules/git.md');
  show(`laptop$ satchel restore rules/git.md\n${restored.output}${laptop.read('rules/git.md')}`);
  if (restored.code !== 0) throw new Error('the restore failed');

  say('That was it. All of this lived in a temporary folder, which is gone now.');
}

try {
  await play();
} catch (error) {
  console.error(`\nThe demo failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  cleanUp();
}
