import { cpSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, inject, it } from 'vitest';
import { Machine, makeRoot } from './machine.ts';

const { root, remove } = makeRoot();
const dist = path.join(path.dirname(inject('program')), '..');
/** Beside the other build, where its packages are found. */
const copy = path.join(dist, '..', 'dist-to-be-replaced');
const machine = new Machine(root, 'ana', path.join(copy, 'cli', 'main.js'));

afterAll(async () => {
  await machine.kill();
  rmSync(copy, { recursive: true, force: true });
  remove();
});

it('says that its program was replaced while it ran, and what to do', async () => {
  cpSync(dist, copy, { recursive: true });
  await machine.start();
  const parts = path.join(copy, 'cli');
  for (const part of readdirSync(parts)) if (part.startsWith('machines-')) rmSync(path.join(parts, part));
  // Another version's command asks the node.
  machine.program = inject('program');
  const { code, stderr } = await machine.run(['machines']);
  expect(stderr).toContain('the program was replaced on the disk since this node started');
  expect(stderr).toContain('satchel up');
  expect(code).toBe(1);
});
