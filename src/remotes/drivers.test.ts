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
    for (const text of ['', 'stick', 'ssh://host', 'git@host:repo', 'hub:4600', 'folder', 'ftp:x']) {
      expect(parsed(text)).toMatch(/known are: https:\/\/.*folder:/);
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
