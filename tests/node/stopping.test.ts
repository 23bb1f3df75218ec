import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { SatchelNode } from '../../src/node/node.ts';
import { Place } from './place.ts';

let place: Place;
beforeEach(async () => {
  place = await Place.create();
});
afterEach(() => place.dispose());

const OPERATIONS = [
  'status',
  'sync',
  'log',
  'machines',
  'audit',
  'doctor',
  'verify',
  'storeSizes',
  'spaces',
  'invite',
  'pending',
  'sessions',
];

/** The status and the code of an answer; `cut` where the connection was. */
function post(node: SatchelNode, token: string, name: string, agent: Agent): Promise<string> {
  const url = new URL(`/v1/node/${name}`, node.address ?? '');
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'content-length': 2 };
    const sent = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve(`${response.statusCode} ${/"(?:code|type)":"(bug|closing|internal)"/.exec(text)?.[1] ?? ''}`));
      response.on('error', () => resolve('cut'));
    });
    sent.on('error', () => resolve('cut'));
    sent.end('{}');
  });
}

it('answers no operation with a failure of its own because it is stopped meanwhile', async () => {
  const node = await place.start('a', { env: { SATCHEL_LOG_LEVEL: 'error' } });
  for (let file = 0; file < 50; file += 1) await place.write('a', `file ${file}\n`, `rules/${file}.md`);
  const token = (await readFile(node.home.token, 'utf8')).trim();
  const agent = new Agent({ keepAlive: true });
  const answers: string[] = [];
  let isOver = false;
  const busy = OPERATIONS.map(async (name) => {
    while (!isOver) answers.push(await post(node, token, name, agent));
  });
  while (answers.length < 40) await new Promise((resolve) => setTimeout(resolve, 5));
  const { log } = node.home;
  await place.stop('a');
  isOver = true;
  await Promise.all(busy);
  agent.destroy();
  expect(answers).toContain('200 ');
  expect(new Set(answers.filter((answer) => !['200 ', 'cut', '503 closing'].includes(answer)))).toEqual(new Set());
  await expect(readFile(log, 'utf8')).rejects.toThrow('ENOENT');
});
