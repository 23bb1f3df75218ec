import { isIP } from 'node:net';
import { RemoteError } from '../../core/ports/remote.ts';

/** The hub's URL → its origin, or RemoteError `unfit` that says what is wrong with it. */
export function baseOf(url: string, plainHttp: boolean): URL {
  if (!URL.canParse(url)) throw unfit('the address of a hub is a URL like https://host:4600');
  const base = new URL(url);
  if (base.username !== '' || base.password !== '') throw unfit('the address of a hub holds no credentials');
  if (base.pathname !== '/' || base.search !== '' || base.hash !== '') throw unfit('the address of a hub has no path: https://host:4600');
  if (base.protocol === 'https:') return base;
  if (base.protocol !== 'http:') throw unfit(`a hub is reached by https, not ${base.protocol}`);
  if (!plainHttp && !isLoopbackHost(base.hostname)) throw unfit(`plain http is for loopback; use https://${base.host}`);
  return base;
}

function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
}

function unfit(message: string): RemoteError {
  return new RemoteError('unfit', message);
}
