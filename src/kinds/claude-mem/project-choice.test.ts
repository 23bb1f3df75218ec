import { describe, expect, it } from 'vitest';
import type { Row } from '../rows/row-body.ts';
import { choiceFor, chosenPlace, type ProjectChoice } from './project-choice.ts';

const CHOICES: ProjectChoice[] = [
  { project: 'client-*', space: null },
  { project: 'app', space: 'team' },
  { project: 'app/*', space: 'team' },
  { project: 'a.b', space: 'others' },
];
const row = (cells: Record<string, string>): Row => new Map(Object.entries(cells));

describe('which choice a project meets', () => {
  it.each([
    ['client-x', 'client-*'],
    ['Client-X', 'client-*'],
    ['app', 'app'],
    ['app/feature/x', 'app/*'],
    ['a.b', 'a.b'],
    ['App', undefined],
    ['axb', undefined],
    ['my-app', undefined],
    ['app\n', undefined],
  ])('%j meets %j', (project, pattern) => {
    expect(choiceFor(CHOICES, project)?.project).toBe(pattern);
  });

  it('is the first that fits', () => {
    expect(choiceFor([{ project: 'app', space: null }, ...CHOICES], 'app')?.space).toBeNull();
  });
});

describe('where a row goes', () => {
  const session = row({ project: 'app' });
  it.each<[string, Row, Row | null, unknown]>([
    ['a session, by its project', session, null, { type: 'place', space: 'team', project: 'app' }],
    ['a prompt, with its session', row({ prompt_text: 'x' }), session, { type: 'place', space: 'team', project: 'app' }],
    ['a row of the same place', row({ project: 'app/x' }), session, { type: 'place', space: 'team', project: 'app' }],
    ['a row of another place', row({ project: 'garden' }), session, { type: 'torn', project: 'garden', session: 'app' }],
    [
      'a shared row in a session of one’s own',
      row({ project: 'app' }),
      row({ project: 'garden' }),
      { type: 'torn', project: 'app', session: 'garden' },
    ],
    [
      'a row that stays, wherever its session goes',
      row({ project: 'client-1' }),
      session,
      { type: 'place', space: null, project: 'client-1' },
    ],
    [
      'what was merged into what stays',
      row({ project: 'app', merged_into_project: 'client-1' }),
      session,
      { type: 'place', space: null, project: 'client-1' },
    ],
    [
      'any row of a session that stays',
      row({ project: 'app' }),
      row({ project: 'client-1' }),
      { type: 'place', space: null, project: 'client-1' },
    ],
    ['a row of which nothing is said', row({ project: 'garden' }), row({ project: 'garden' }), { type: 'none' }],
    ['a row without any project', row({}), null, { type: 'none' }],
  ])('%s', (_, cells, parent, place) => {
    expect(chosenPlace(CHOICES, cells, parent)).toEqual(place);
  });
});
