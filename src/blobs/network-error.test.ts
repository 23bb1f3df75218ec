import { describe, expect, it } from 'vitest';
import { RemoteError } from '../core/ports/remote.ts';
import { judgeAzureError } from './azure/azure-error.ts';
import { judgeNetworkError, retryAfterOf } from './network-error.ts';
import { judgeS3Error } from './s3/s3-error.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');

function answered(status: number, name: string, headers: Record<string, string> = {}): Error {
  return Object.assign(new Error('said'), { name, $metadata: { httpStatusCode: status }, $response: { headers } });
}

describe('what may be tried again', () => {
  it('waits as long as a server asked for, by seconds or by date, a minute at most', () => {
    expect(retryAfterOf('7', NOW)).toBe(7_000);
    expect(retryAfterOf('Sat, 21 Nov 2026 12:00:30 GMT', NOW)).toBe(30_000);
    expect(retryAfterOf('86400', NOW)).toBe(60_000);
    for (const none of [undefined, '', '0', '-3', 'soon', 'Sat, 21 Nov 2026 11:00:00 GMT']) expect(retryAfterOf(none, NOW)).toBeUndefined();
    expect(judgeS3Error('at', answered(503, 'SlowDown', { 'retry-after': '3' }), NOW)).toMatchObject({
      again: true,
      error: { type: 'unreachable', retryAfter: 3_000 },
    });
  });

  it('is what the network did, and not a certificate that nobody trusts', () => {
    const failed = (code: string): Error => Object.assign(new Error('failed'), { code });
    expect(judgeNetworkError('at', failed('ECONNRESET'))).toMatchObject({ again: true, error: { type: 'unreachable' } });
    expect(judgeNetworkError('at', new Error('wrapped', { cause: failed('ETIMEDOUT') }))).toMatchObject({ again: true });
    for (const code of [
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'SELF_SIGNED_CERT_IN_CHAIN',
    ]) {
      expect(judgeNetworkError('at', failed(code))).toMatchObject({ again: false, error: { type: 'unreachable' } });
    }
    expect(judgeNetworkError('at', new Error('a bug'))).toBeNull();
    expect(judgeNetworkError('at', new RemoteError('refused', 'no'))).toMatchObject({ again: false });
  });

  it.each([
    [403, 'AccessDenied', 'unauthorized', false],
    [403, 'RequestTimeTooSkewed', 'unauthorized', true],
    [404, 'NoSuchBucket', 'unfit', false],
    [409, 'ConditionalRequestConflict', 'unreachable', true],
    [400, 'Something', 'protocol', false],
    [413, 'EntityTooLarge', 'refused', false],
    [429, 'TooManyRequests', 'unreachable', true],
    [500, 'InternalError', 'unreachable', true],
    [501, 'NotImplemented', 'unfit', false],
    [507, 'Full', 'refused', false],
  ])('S3: %s %s', (status, name, type, again) => {
    expect(judgeS3Error('at', answered(status, name), NOW)).toMatchObject({ again, error: { type } });
  });

  it.each([
    [403, 'AuthenticationFailed', 'unauthorized', false],
    [404, 'ContainerNotFound', 'unfit', false],
    [409, 'ContainerBeingDeleted', 'unfit', false],
    [500, 'OperationTimedOut', 'unreachable', true],
    [503, 'ServerBusy', 'unreachable', true],
    [400, 'InvalidHeaderValue', 'protocol', false],
    [413, 'RequestBodyTooLarge', 'refused', false],
  ])('Azure: %s %s', (statusCode, code, type, again) => {
    expect(judgeAzureError('at', Object.assign(new Error('said'), { statusCode, code }), NOW)).toMatchObject({ again, error: { type } });
  });
});

describe('what is said', () => {
  it('is clear where what answers is no store, or speaks no TLS', () => {
    const parse =
      'XML parse error: unexpected content.\n  Deserialization error: to see the raw response, inspect the hidden field {error}.$response on this object.';
    const unread = (status: number): Error => Object.assign(new Error(`@aws-sdk ${parse}`), { $metadata: { httpStatusCode: status } });
    expect(judgeS3Error('at', unread(200), NOW)).toMatchObject({
      again: false,
      error: { type: 'unfit', message: expect.stringMatching(/^at: what answers there is no S3.*\(200\)$/) as string },
    });
    expect(judgeS3Error('at', unread(502), NOW)).toMatchObject({
      again: true,
      error: { type: 'unreachable', message: 'at: the request failed (502)' },
    });
    const html = Object.assign(new Error('<html>'), { name: 'RestError', statusCode: 400 });
    expect(judgeAzureError('at', html, NOW)).toMatchObject({
      again: false,
      error: { message: expect.stringContaining('is no Azure Blob Storage') as string },
    });
    const plain = Object.assign(new Error('write EPROTO 80DC:error:0A00010B:SSL routines'), { code: 'EPROTO' });
    expect(judgeNetworkError('at', plain)).toMatchObject({
      again: false,
      error: { message: 'at: what answers there speaks no TLS: is its address http://?' },
    });
  });

  it('is what Azurite says of a version that it does not know, which names what helps', () => {
    const said =
      'The API version 2026-06-06 is not supported by Azurite. Azurite command line parameter "--skipApiVersionCheck" can skip this error.';
    const error = Object.assign(new Error(`${said}\nRequestId:1\nTime:2`), {
      name: 'RestError',
      statusCode: 400,
      code: 'InvalidHeaderValue',
    });
    expect(judgeAzureError('at', error, NOW)).toMatchObject({ error: { message: `at: InvalidHeaderValue: ${said} (400)` } });
  });
});
