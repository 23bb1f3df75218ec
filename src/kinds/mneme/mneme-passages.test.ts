import { expect, it } from 'vitest';
import { mnemePassages } from './mneme-passages.ts';
import { givenProject, mappedProject } from './names.ts';

const given = givenProject('-home-me-app');
const read = (file: string, body: unknown, project: string = given.ok ? given.value : '') =>
  mnemePassages(`mneme/${project}/${file}`, Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))).map(
    ({ type, time, title, text, project: of }) => ({ type, time, title, text, project: of }),
  );
const time = Date.UTC(2026, 0, 1);
const ts = new Date(time).toISOString();

it('finds entries of the log and what is to be remembered, each by itself', () => {
  const line = JSON.stringify({ ts, type: 'task', action: 'fix upload', outcome: 'done' });
  expect(read('log.jsonl', `${line}\nnot JSON\n{"ts":1}\n`)).toEqual([
    { type: 'task', time, title: '', text: 'fix upload\ndone', project: '-home-me-app' },
  ]);
  expect(read('remembered.json', [{ ts, type: 'fact', content: 'it rains' }, 7], mappedProject('app-1'))).toEqual([
    { type: 'fact', time, title: '', text: 'it rains', project: 'app-1' },
  ]);
});

it('finds decisions, states and work of a summary, and notes', () => {
  const summary = {
    projectContext: 'A walrus shop',
    lastUpdated: ts,
    keyDecisions: [{ date: '2026-01-01', decision: 'Use SQLite', reason: 'one file' }],
    currentState: [{ topic: 'Upload', status: 'slow' }, {}],
    recentWork: [{ date: 'x', summary: 'made it faster' }],
  };
  expect(read('summary.json', summary)).toEqual([
    { type: 'summary', time, title: 'Project context', text: 'A walrus shop', project: '-home-me-app' },
    { type: 'decision', time, title: 'Use SQLite', text: 'one file', project: '-home-me-app' },
    { type: 'state', time: null, title: 'Upload', text: 'slow', project: '-home-me-app' },
    { type: 'work', time: null, title: '', text: 'made it faster', project: '-home-me-app' },
  ]);
  expect(read('handoff.json', { ts, type: 'x', next: ['a', { b: 'c' }] })).toMatchObject([{ type: 'handoff', time, text: 'a\nc' }]);
});

it('finds nothing in what is no such file', () => {
  for (const body of ['', 'null', '[]', '{"keyDecisions":7}', '{"keyDecisions":[null,[],7]}', '\0'])
    for (const file of ['log.jsonl', 'remembered.json', 'summary.json', 'handoff.json'])
      expect([file, body, read(file, body)]).toEqual([file, body, []]);
  expect(mnemePassages('mneme/../x', Buffer.from('[]'))).toEqual([]);
});
