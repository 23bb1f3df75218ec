import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRemoteAddress } from './drivers.ts';

const parsed = (text: string): unknown => {
  const result = parseRemoteAddress(text);
  return result.ok ? result.value : result.error;
};

describe('parseRemoteAddress', () => {
  it('knows hubs', () => {
    expect(parsed(' https://Hub.example.org:4600/ ')).toEqual({
      driver: 'hub',
      text: 'https://hub.example.org:4600',
      url: 'https://hub.example.org:4600',
    });
    expect(parsed('http://127.0.0.1:4600')).toMatchObject({ driver: 'hub', url: 'http://127.0.0.1:4600' });
  });

  it('knows folders, by scheme or by path', () => {
    const expected = { driver: 'folder', text: 'folder:/media/stick', path: '/media/stick' };
    for (const text of ['folder:/media/stick', '/media/stick', '/media/stick/', 'file:///media/stick', '/media/other/../stick']) {
      expect(parsed(text)).toEqual(expected);
    }
    expect(parsed('./here')).toMatchObject({ driver: 'folder' });
    expect(parsed('file:///media/my%20stick')).toMatchObject({ path: '/media/my stick' });
  });

  it('knows buckets', () => {
    expect(parsed('s3://bucket/notes/?endpoint=https://minio.example.org/')).toMatchObject({
      driver: 's3',
      text: 's3://bucket/notes?endpoint=https://minio.example.org',
      blobs: { bucket: 'bucket', prefix: 'notes/' },
    });
    expect(parsed('azure://account/container/notes')).toMatchObject({ driver: 'azure', text: 'azure://account/container/notes' });
    expect(parsed('s3://bucket')).toMatch(/neither region nor endpoint/);
    expect(parsed('s3://AKIA:hunter2@bucket?region=eu-west-1')).not.toContain('hunter2');
  });

  it('names what is known where it knows nothing', () => {
    for (const text of ['', 'stick', 'gopher://host', 'hub:4600', 'folder', 'ftp:x']) {
      expect(parsed(text)).toMatch(/known are: https:\/\/.*folder:/);
    }
  });

  it('knows git repositories by their transports, and by the form that git hosts show', () => {
    expect(parsed('git@GitHub.com:me/satchel.git')).toEqual({
      driver: 'git',
      text: 'git@github.com:me/satchel.git',
      url: 'git@github.com:me/satchel.git',
      transport: 'ssh',
    });
    expect(parsed('git@host.example:/srv/it.git')).toMatchObject({ text: 'git+ssh://git@host.example/srv/it.git' });
    expect(parsed('git+ssh://git@Host.example:22/me/it.git')).toMatchObject({ url: 'ssh://git@host.example/me/it.git' });
    expect(parsed('ssh://git@Host.example:2222/me/it.git')).toMatchObject({
      text: 'git+ssh://git@host.example:2222/me/it.git',
      url: 'ssh://git@host.example:2222/me/it.git',
    });
    expect(parsed('git+ssh://host.example:2222/~/it.git')).toMatchObject({ text: 'git+ssh://host.example:2222/~/it.git' });
    expect(parsed('git+https://git.example.org/me/it.git')).toMatchObject({ url: 'https://git.example.org/me/it.git', transport: 'https' });
    expect(parsed('git+http://127.0.0.1:8080/it.git')).toMatchObject({ transport: 'http' });
    expect(parsed('git+file:///srv/my%20it.git')).toMatchObject({ url: '/srv/my it.git', text: 'git+file:///srv/my%20it.git' });
  });

  it('refuses a git address that git or ssh could read as something else, and any with a credential', () => {
    for (const text of [
      'git+ssh://-oProxyCommand=x/it.git',
      'git+ssh://git@-oProxyCommand=x/it.git',
      'git@-host:it.git',
      '-x@host:it.git',
      'git@host:-it.git',
      'git@host:--upload-pack=x',
      'git@host:a/../../it.git',
      "git@host:it'.git",
      'git@host:it;x.git',
      'git+ext::sh -c x',
      'ext::sh -c x',
      'git+ssh://host/a b',
      'git+ssh://host/a%0ab',
      'git+ssh://host',
      'git+https://host/',
      'git+http://git.example.org/it.git',
      'git+file://host/it.git',
      'git+file:///',
      'git+file:///a%0ab',
      'git+file:relative',
      'https://github.com/me/it.git',
      'git+https://hunter2@host/it.git',
      'git+https://me:hunter2@host/it.git',
      'git+ssh://git:hunter2@host/it.git',
      'git+https://host/it.git?token=hunter2',
      'git+https://host/it.git#hunter2',
    ]) {
      expect(parsed(text)).toEqual(expect.any(String));
      expect(parsed(text)).not.toContain('hunter2');
    }
  });

  it('refuses credentials, and repeats none', () => {
    for (const text of [
      'https://me:hunter2@hub.example.org',
      'https://hunter2@hub.example.org',
      'https://hub.example.org/?token=hunter2',
    ]) {
      const error = parsed(text);
      expect(error).toEqual(expect.any(String));
      expect(error).not.toContain('hunter2');
    }
    expect(parsed('https://hub.example.org/j#hunter2')).toMatch(/satchel join/);
    expect(parsed('https://hub.example.org/j#hunter2')).not.toContain('hunter2');
  });

  it('refuses what is no address of this machine', () => {
    for (const text of [
      'folder:',
      'folder://nas/share',
      'file://nas/share',
      '/a\0b',
      'https:',
      'https://',
      'http:/x',
      'https://hub.example.org/satchel',
      'file:///a?b',
    ]) {
      expect(parsed(text)).toEqual(expect.any(String));
    }
  });

  it('never throws, and its text parses to itself', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string().map((path) => `folder:/${path}`),
          fc.string().map((path) => `git+file:///${path}`),
          fc.string().map((path) => `git@host:${path}`),
          fc.webUrl().map((url) => `git+${url}`),
          fc.webUrl().map((url) => url.replace(/^https?/, 'git+ssh')),
        ),
        (text) => {
          const first = parseRemoteAddress(text);
          const again = first.ok ? parseRemoteAddress(first.value.text) : first;
          expect(again).toEqual(first);
        },
      ),
    );
  });
});
