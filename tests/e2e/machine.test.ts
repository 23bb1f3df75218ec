import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, inject, it } from 'vitest';
import { Machine, makeRoot } from './machine.ts';

/** Removes a file and the folders that are empty then, again and again, as a node does that applies deletions. */
const REMOVING = `
const { rmdirSync, unlinkSync } = require('node:fs');
const gone = (remove) => { try { remove(); } catch {} };
const [file, ...folders] = process.argv.slice(1);
console.log('removes');
for (;;) { gone(() => unlinkSync(file)); for (const folder of folders) gone(() => rmdirSync(folder)); }
`;

it('writes and lists files while their folders go away', async () => {
  const { root, remove } = makeRoot();
  const machine = new Machine(root, 'ana', inject('program'));
  const paths = ['rules/deep/b.md', 'rules/deep', 'rules'].map((name) => path.join(machine.claude, name));
  const removing = spawn(process.execPath, ['-e', REMOVING, '--', ...paths], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(removing, 'exit');
  try {
    await once(removing.stdout, 'data');
    const seen = new Set<string>();
    for (let turn = 0; turn < 3_000; turn++) {
      machine.write('rules/deep/b.md', `${turn}`);
      seen.add(machine.files().join());
    }
    expect([...seen].toSorted()).toEqual(['', 'rules/deep/b.md']);
  } finally {
    removing.kill('SIGKILL');
    await ended;
    remove();
  }
});
