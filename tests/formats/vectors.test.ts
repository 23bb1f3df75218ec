import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeVectors } from './vectors.ts';

/**
 * The vectors of docs/formats.md: a change here is a change of the format, and breaks what is on people's disks.
 * Made anew by: SATCHEL_WRITE_VECTORS=1 npx vitest run tests/formats
 */
it('makes the bytes that docs/formats.md promises', async () => {
  const file = new URL('vectors.json', import.meta.url);
  if (process.env['SATCHEL_WRITE_VECTORS'] === '1') writeFileSync(file, `${JSON.stringify(await makeVectors(), null, 2)}\n`);
  const promised = JSON.parse(readFileSync(file, 'utf8')) as object;
  expect(await makeVectors()).toEqual(promised);
});

it('shows every vector in docs/formats.md', async () => {
  const page = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');
  const short = Object.entries(await makeVectors()).filter(([, value]) => value.length <= 128);
  expect(short.filter(([name, value]) => !page.includes(`| ${name} | \`${value}\` |`))).toEqual([]);
});
