import { describe, expect, it } from 'vitest';
import { aliasOfPath, aliasOfRemote, mintProjectId, pathOfAlias } from './project-alias.ts';

describe('the alias of a remote', () => {
  it.each([
    'git@github.com:acme/app.git',
    'github.com:acme/app',
    'https://github.com/acme/app',
    'https://github.com/acme/app.git/',
    'https://user:token@GitHub.com/acme/app.git',
    'ssh://git@github.com:22/acme/app.git',
    'git://github.com/acme/app',
    ' https://github.com//acme/app.git ',
  ])('is one for every way to write it: %s', (url) => {
    expect(aliasOfRemote(url, '')).toBe('git:github.com/acme/app');
  });

  it('names the folder inside the checkout', () => {
    expect(aliasOfRemote('git@github.com:acme/app.git', 'packages/web')).toBe('git:github.com/acme/app#packages/web');
  });

  it.each(['/srv/git/app.git', '../app', './x:y', 'C:\\git\\app', 'file:///srv/git/app', 'https://github.com/', '', 'git@host:'])(
    'is none for what only this machine knows: %s',
    (url) => {
      expect(aliasOfRemote(url, '')).toBeNull();
    },
  );
});

describe('the alias of a path', () => {
  it.each([
    ['/home/a/work/x', '/home/a', 'home:work/x'],
    ['/home/a', '/home/a/', 'home:'],
    ['/home/ab/x', '/home/a', 'path:/home/ab/x'],
    ['/srv/x', '/home/a', 'path:/srv/x'],
    ['C:\\Users\\b\\x', 'C:\\Users\\b', 'home:x'],
    ['/home/a/\u0065\u0301', '/home/a', 'home:\u00e9'],
  ])('%s in %s is %s', (path, home, alias) => {
    expect(aliasOfPath(path, home)).toBe(alias);
  });

  it('leads back to a path', () => {
    expect(pathOfAlias('home:work/x', '/Users/b')).toBe('/Users/b/work/x');
    expect(pathOfAlias('home:', '/Users/b')).toBe('/Users/b');
    expect(pathOfAlias('path:/srv/x', '/Users/b')).toBe('/srv/x');
    expect(pathOfAlias('git:github.com/acme/app', '/Users/b')).toBeNull();
  });
});

describe('the id of a project', () => {
  it('says its name, and is the same on every machine', () => {
    expect(mintProjectId('git:github.com/acme/App.js')).toBe('app-js-c765e005af63');
    expect(mintProjectId('home:work/x')).toMatch(/^x-[0-9a-f]{12}$/);
    expect(mintProjectId('home:')).toMatch(/^home-[0-9a-f]{12}$/);
    expect(mintProjectId('path:/')).toMatch(/^path-[0-9a-f]{12}$/);
    expect(mintProjectId('home:日本')).toMatch(/^[0-9a-f]{12}$/);
    expect(mintProjectId('home:a/x')).not.toBe(mintProjectId('home:b/x'));
  });
});
