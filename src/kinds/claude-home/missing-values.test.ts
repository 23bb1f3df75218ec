import { describe, expect, it } from 'vitest';
import { missingValues } from './missing-values.ts';
import { partTitle, shownText } from './part-words.ts';

const paths = { home: '/home/ana', claudeHome: '/home/ana/.claude' };
const secret = '{{satchel:secret}}';

describe('missing values', () => {
  it('of a server that cannot stand without them: which, and what to write where', () => {
    const full = {
      mcpServers: {
        'a/b': { command: '{{satchel:home}}/bin/db', args: ['-y', 'pg', '{{satchel:secret 0}}'], env: { KEY: secret, MODE: 'x' } },
      },
    };
    expect(missingValues('.claude.json', full, ['/mcpServers/a~1b/args', '/mcpServers/a~1b/env/KEY'], paths)).toEqual([
      {
        pointer: '/mcpServers/a~1b',
        title: 'MCP server a/b',
        values: ['its 3rd argument', 'env → KEY'],
        in_place: false,
        under: ['mcpServers'],
        example: '"a/b": {"command":"/home/ana/bin/db","args":["-y","pg","YOUR VALUE"],"env":{"KEY":"YOUR VALUE","MODE":"x"}}',
      },
    ]);
  });

  it('of a server that is here without them', () => {
    const full = { mcpServers: { db: { command: 'db', env: { KEY: secret } } } };
    expect(missingValues('.claude.json', full, ['/mcpServers/db/env/KEY'], paths)).toMatchObject([
      { title: 'MCP server db', values: ['env → KEY'], in_place: true },
    ]);
  });

  it('of settings, and of a server of a project', () => {
    expect(missingValues('settings.json', { env: { A_TOKEN: secret, B: 'b' } }, ['/env/A_TOKEN'], paths)).toEqual([
      {
        pointer: '/env',
        title: 'settings.json',
        values: ['env → A_TOKEN'],
        in_place: true,
        under: [],
        example: '"env": {"A_TOKEN":"YOUR VALUE","B":"b"}',
      },
    ]);
    const place = '{{satchel:home}}/app';
    const full = { projects: { [place]: { mcpServers: { db: { args: [secret] } } } } };
    expect(missingValues('.claude.json', full, [`/projects/${place.replaceAll('/', '~1')}/mcpServers/db/args`], paths)).toMatchObject([
      { title: 'MCP server db of /home/ana/app', values: ['its 1st argument'], in_place: false },
    ]);
  });
});

describe('parts for people', () => {
  it('are named without pointers and tokens', () => {
    const rule = 'Bash({{satchel:home}}/bin/x:*)';
    const pointer = `/permissions/allow/${rule.replaceAll('/', '~1')}`;
    expect(partTitle('settings.json', pointer, rule, paths)).toBe('settings.json: permissions → allow');
    expect(partTitle('settings.json', '/env/FOO', 'bar', paths)).toBe('settings.json: env → FOO');
    expect(partTitle('.claude.json', '/mcpServers/plain~1one', {}, paths)).toBe('MCP server plain/one');
    expect(shownText(`${rule} ${secret}`, paths)).toBe('Bash(/home/ana/bin/x:*) (a secret that stays on its machine)');
  });
});
