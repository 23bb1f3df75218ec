import { describe, expect, it } from 'vitest';
import { isLoopback, judgeRequest, type ListenerPolicy } from './guard.ts';

const policy: ListenerPolicy = {
  names: new Set(['pi.lan']),
  origins: new Set(['https://app.example']),
  proxies: new Set(),
  tls: true,
  publishedOnLoopback: false,
};

interface Given {
  readonly url?: string;
  readonly host?: string;
  readonly headers?: Record<string, string>;
  readonly remote?: string;
  readonly local?: string;
}

function judge(given: Given, over: Partial<ListenerPolicy> = {}): string {
  const headers = { host: given.host ?? 'pi.lan:4600', ...given.headers };
  const judged = judgeRequest(
    { ...policy, ...over },
    {
      url: given.url ?? '/v1/hub',
      headers,
      rawHeaders: Object.entries(headers).flat(),
      socket: { remoteAddress: given.remote ?? '10.0.0.7', localAddress: given.local ?? '10.0.0.2' },
    },
  );
  return judged.ok ? `${judged.value.address} ${judged.value.origin}` : judged.error.code;
}

describe('the judge of requests', () => {
  it('takes names that it was told, and the address that the connection came in at', () => {
    expect(judge({})).toBe('10.0.0.7 https://pi.lan:4600');
    expect(judge({ host: 'PI.lan' })).toBe('10.0.0.7 https://pi.lan');
    expect(judge({ host: 'pi.lan:443' })).toBe('10.0.0.7 https://pi.lan');
    expect(judge({ host: '10.0.0.2:4600', local: '::ffff:10.0.0.2' })).toBe('10.0.0.7 https://10.0.0.2:4600');
    expect(judge({ host: '[fe80::2]:4600', local: 'fe80::2%eth0' })).toBe('10.0.0.7 https://[fe80::2]:4600');
    expect(judge({ host: '10.0.0.3' })).toBe('wrong-host');
    expect(judge({ host: 'evil.example' })).toBe('wrong-host');
    expect(judge({ host: '' })).toBe('bad-request');
    expect(judge({ url: 'http://pi.lan/v1/hub' })).toBe('bad-request');
    expect(judge({ url: '*' })).toBe('bad-request');
  });

  it('answers plain http to this machine only', () => {
    expect(judge({}, { tls: false })).toBe('tls-required');
    expect(judge({ remote: '::ffff:127.0.0.1' }, { tls: false })).toBe('127.0.0.1 http://pi.lan:4600');
    expect(judge({ remote: '172.17.0.1' }, { tls: false, publishedOnLoopback: true })).toBe('172.17.0.1 http://pi.lan:4600');
    // Who comes past the proxy comes in plain.
    expect(judge({}, { tls: false, proxies: new Set(['10.0.0.9']) })).toBe('tls-required');
  });

  it('believes proxies that were declared, by the entry that they wrote themselves', () => {
    const headers = { 'x-forwarded-for': '1.1.1.1, 203.0.113.5', 'x-forwarded-proto': 'https' };
    const proxied = { tls: false, proxies: new Set(['10.0.0.9']) };
    expect(judge({ headers, remote: '10.0.0.9' }, proxied)).toBe('203.0.113.5 https://pi.lan:4600');
    expect(judge({ headers, remote: '10.0.0.8' }, proxied)).toBe('undeclared-proxy');
    expect(judge({ headers: { ...headers, 'x-forwarded-proto': 'http' }, remote: '10.0.0.9' }, proxied)).toBe('tls-required');
    expect(judge({ headers: { ...headers, 'x-forwarded-for': 'unknown' }, remote: '10.0.0.9' }, proxied)).toBe('bad-request');
    expect(judge({ headers })).toBe('undeclared-proxy');
    expect(judge({ headers: { forwarded: 'for=1.1.1.1' } })).toBe('undeclared-proxy');
  });

  it('takes pages of listed origins only', () => {
    expect(judge({ headers: { origin: 'https://app.example', 'sec-fetch-site': 'cross-site' } })).toMatch(/^10/);
    expect(judge({ headers: { origin: 'https://app.example.evil' } })).toBe('foreign-origin');
    expect(judge({ headers: { 'sec-fetch-site': 'cross-site' } })).toBe('foreign-origin');
    expect(judge({ headers: { 'transfer-encoding': 'chunked' } })).toBe('length-required');
  });

  it('knows what only this machine can reach', () => {
    expect(['localhost', '127.0.0.1', '127.9.9.9', '::1'].map(isLoopback)).toEqual([true, true, true, true]);
    expect(['0.0.0.0', '::', '127.evil.example', '10.0.0.1', '', '1270.0.0.1'].map(isLoopback)).toEqual(Array(6).fill(false));
  });
});
