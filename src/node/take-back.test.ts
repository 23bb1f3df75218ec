import { describe, expect, it } from 'vitest';
import { takeBack } from './take-back.ts';

const FORM = { address: 'serverUrl', secret: 'apiKey' } as const;
type Values = { readonly enabled?: boolean; readonly serverUrl?: string; readonly apiKey?: string };
const before: Values = { serverUrl: 'http://old:3847', apiKey: 'old' };
const wrote: Values = { enabled: true, serverUrl: 'http://127.0.0.1:3847', apiKey: 'mneme_x' };
const back = (now: Values, from: Values = before) => takeBack({ now, wrote, before: from }, FORM);

describe('taking back what was written', () => {
  it('is all of it, where nothing changed', () => {
    expect(back(wrote)).toEqual({ values: before, left: [], isAll: true });
    expect(back(wrote, {})).toEqual({ values: {}, left: [], isAll: true });
  });

  it('leaves another server that was put in since switched on, without our key and without that of a third', () => {
    const now = { ...wrote, serverUrl: 'http://other:3847' };
    expect(back(now)).toEqual({ values: { enabled: true, serverUrl: 'http://other:3847' }, left: ['serverUrl'], isAll: false });
    expect(back({ ...now, apiKey: 'theirs' })).toEqual({
      values: { ...now, apiKey: 'theirs' },
      left: ['serverUrl', 'apiKey'],
      isAll: false,
    });
  });

  it('gives the key back to a server that somebody put back', () => {
    expect(back({ ...wrote, serverUrl: 'http://old:3847' })).toEqual({ values: before, left: [], isAll: true });
  });

  it('leaves what somebody switched off', () => {
    expect(back({ ...wrote, enabled: false }, { ...before, enabled: true })).toEqual({
      values: { ...before, enabled: false },
      left: ['enabled'],
      isAll: false,
    });
  });
});
