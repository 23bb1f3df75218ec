import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { noInput } from '../../src/node/operations/no-input.ts';
import { loadOperation, OPERATIONS, type OperationName } from '../../src/node/operations/table.ts';
import { send, sessionOf, type Question } from './api-client.ts';
import { atRest, folderState } from './folder-state.ts';
import { Machine, makeRoot } from './machine.ts';

interface Route {
  readonly method: string;
  readonly path: string;
  readonly type: string | null;
  readonly security: 'token' | 'session' | 'mailbox' | 'none';
  readonly query: readonly string[];
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const GARBAGE = ['', 'x', '{', '\0', 'null', '[]', '"x"', '5', '[[[[', '['.repeat(20_000), '{"__proto__":{"a":1}}', '{"constructor":1}'];

describe('bad requests to a node', () => {
  const { root, remove } = makeRoot();
  const ana = new Machine(root, 'ana', inject('program'));
  let address = '';
  let routes: Route[] = [];
  const authorization: Record<Route['security'], string> = { token: '', session: '', mailbox: `Mailbox ${'a'.repeat(64)}`, none: '' };
  const filled: Record<string, string> = { slot: 'offer', operation: 'status' };

  beforeAll(async () => {
    ana.write('CLAUDE.md', 'one\n');
    await ana.start();
    const status = await ana.ask<{ address: string; spaces: { space: string; bytes: number }[] }>(['status']);
    address = status.address;
    filled['space'] = status.spaces[0]?.space ?? '';
    authorization.token = `Bearer ${readFileSync(path.join(ana.store, 'api-token'), 'utf8').trim()}`;
    authorization.session = `Bearer ${await sessionOf(ana, address)}`;
    routes = routesOf(JSON.parse((await send(address, { method: 'GET', path: '/openapi.json' })).text) as OpenApi);
    await atRest(ana.store);
  });
  afterAll(async () => {
    await ana.kill();
    remove();
  });

  const at = (route: Route, values: Readonly<Record<string, string>> = {}): string =>
    route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? filled[name] ?? name);
  const rightly = (route: Route): Record<string, string> => ({
    ...(route.type === null ? {} : { 'content-type': route.type }),
    ...(authorization[route.security] === '' ? {} : { authorization: authorization[route.security] }),
  });

  /** 4xx with a reason and a request id, and nothing changed anywhere. */
  async function refused(question: Question, statuses: readonly number[], says = /./): Promise<void> {
    const before = folderState(ana.home);
    const { status, headers, text } = await send(address, question);
    const shown = `${question.method} ${question.path.slice(0, 120)} ${JSON.stringify(question.headers)} ${String(question.body).slice(0, 60)}`;
    expect.soft(statuses, `${shown}: ${status} ${text.slice(0, 300)}`).toContain(status);
    expect.soft(text.length, shown).toBeLessThan(16_384);
    const { error } = JSON.parse(text || '{}') as { error?: { code: string; message: string } };
    expect.soft(error, shown).toMatchObject({ code: expect.stringMatching(/^[a-z-]+$/), message: expect.stringMatching(says) });
    expect.soft(headers['x-request-id'], shown).toMatch(/./);
    expect.soft(folderState(ana.home), shown).toEqual(before);
  }

  it('describes every route that there is', () => {
    expect(routes.length).toBeGreaterThan(15);
    expect(routes.map((route) => route.path)).toContain('/v1/node/{operation}');
  });

  it('refuses methods that a route does not have', async () => {
    for (const target of new Set(routes.map((route) => route.path))) {
      const same = routes.filter((route) => route.path === target);
      const known = new Set([...same.map((route) => route.method), 'HEAD']);
      for (const method of METHODS.filter((each) => !known.has(each)))
        await refused({ method, path: at(same[0] as Route), headers: rightly(same[0] as Route) }, [401, 404, 405, 411]);
    }
  });

  it('refuses whoever does not prove who it is', async () => {
    for (const route of routes.filter(({ security }) => security !== 'none')) {
      const { authorization: right, ...headers } = rightly(route);
      const wrong = [undefined, 'x', 'Bearer', 'Bearer ', 'Bearer wrong', 'Basic YTpi', `Bearer ${right}`, `${right}x`, 'Bearer undefined'];
      if (route.security !== 'mailbox') wrong.push(authorization[route.security === 'token' ? 'session' : 'token'], authorization.mailbox);
      for (const each of wrong) {
        const given = each === undefined ? {} : { authorization: each };
        await refused(
          { method: route.method, path: at(route), headers: { ...headers, ...given }, ...bodyFor(route) },
          route.security === 'mailbox' ? [400, 401] : [401],
        );
      }
    }
  });

  it('refuses web pages of others, and names that are not its own', async () => {
    for (const route of routes.filter(({ path: target }) => target.startsWith('/v1'))) {
      const question = { method: route.method, path: at(route), ...bodyFor(route) };
      await refused({ ...question, headers: { ...rightly(route), origin: 'https://evil.example' } }, [403]);
      await refused({ ...question, headers: { ...rightly(route), 'sec-fetch-site': 'cross-site' } }, [403]);
      await refused({ ...question, headers: { ...rightly(route), host: 'evil.example' } }, [421]);
    }
  });

  it('refuses bodies of no sense, of another type, without a length, or too long', async () => {
    for (const route of routes.filter(({ type }) => type !== null)) {
      const headers = rightly(route);
      const question = { method: route.method, path: withQuery(route, at(route)) };
      if (route.type !== 'application/octet-stream') for (const body of GARBAGE) await refused({ ...question, headers, body }, [400]);
      await refused({ ...question, headers: { ...headers, 'content-type': 'text/plain' }, body: '{}' }, [400, 415]);
      await refused({ ...question, headers: { ...headers, 'transfer-encoding': 'chunked' }, body: '{}' }, [411]);
      await refused({ ...question, headers: { ...headers, 'content-length': '999999999999' }, body: '{' }, [413]);
    }
  });

  it('refuses names in paths that are none', async () => {
    const bad = [
      '..',
      '%2e%2e%2f%2e%2e',
      '..%2f..%2fetc%2fpasswd',
      '%00',
      'A'.repeat(64),
      '0'.repeat(65),
      '%ff',
      '*',
      '__proto__',
      'constructor',
      'x'.repeat(4_000),
    ];
    for (const route of routes.filter(({ path: target }) => target.includes('{'))) {
      const name = /\{(\w+)\}/.exec(route.path)?.[1] ?? '';
      // What a slot may be called is wide.
      const names = name === 'slot' ? bad.filter((each) => !/^[a-z0-9][a-z0-9_-]*$/.test(each) || each.length > 64) : bad;
      for (const each of names)
        await refused(
          { method: route.method, path: withQuery(route, at(route, { [name]: each })), headers: rightly(route), ...bodyFor(route) },
          [400, 401, 404],
        );
    }
  });

  it('refuses queries that are none, by name', async () => {
    for (const route of routes.filter(({ query }) => query.length > 0)) {
      for (const name of route.query)
        for (const value of ['x', '-1', '1.5', '1e400', '99999999999999999999', 'NaN', '%00', '0x10']) {
          const target = withQuery(route, at(route)).replace(new RegExp(`[?&]${name}=[^&]*`), '');
          const question = { method: route.method, headers: rightly(route), ...bodyFor(route) };
          await refused({ ...question, path: `${target}${target.includes('?') ? '&' : '?'}${name}=${value}` }, [400], new RegExp(name));
        }
    }
  });

  describe.each(Object.keys(OPERATIONS) as OperationName[])('POST /v1/node/%s', (name) => {
    it('refuses what it does not take, by name', async () => {
      const { input } = await loadOperation(name);
      if (input !== noInput) expect(input, 'an input is a strict object, so that nothing is read over').toBeInstanceOf(z.ZodObject);
      const fields = input === noInput ? [] : Object.keys((input as z.ZodObject).shape);
      const ask = (body: unknown, says: RegExp): Promise<void> => {
        const headers = { 'content-type': 'application/json', authorization: authorization.token };
        return refused({ method: 'POST', path: `/v1/node/${name}`, headers, body: JSON.stringify(body) }, [400], says);
      };
      for (const body of [null, [], 'x', 5, true]) await ask(body, /input/);
      await ask({ frobnicate: 1 }, /frobnicate/);
      await ask(JSON.parse('{"__proto__": 1, "constructor": 2}'), /constructor/);
      for (const field of fields)
        for (const value of [{ a: 1 }, [[1]], 'x'.repeat(field === 'body' ? 50_000_000 : 100_000)])
          await ask({ [field]: value }, new RegExp(field));
    });
  });

  it('still answers', async () => {
    expect((await send(address, { method: 'GET', path: '/healthz' })).status).toBe(200);
    expect((await ana.runAsking(['status'])).code).toBe(0);
  });
});

function bodyFor({ type }: Route): { readonly body?: string } {
  return type === null ? {} : { body: type === 'application/json' ? '{}' : '\u0001' };
}

/** The queries that a route needs, with values that it takes. */
function withQuery(route: Route, target: string): string {
  const given: Record<string, string> = { from: '0', expires: '4102444800000', position: '0' };
  const wanted = route.query.filter((name) => given[name] !== undefined);
  return wanted.length === 0 ? target : `${target}?${wanted.map((name) => `${name}=${given[name]}`).join('&')}`;
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiRoute>>>>;
}
interface OpenApiRoute {
  readonly security?: readonly Readonly<Record<string, unknown>>[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly parameters?: readonly { readonly in: string; readonly name: string }[];
}

function routesOf({ paths }: OpenApi): Route[] {
  return Object.entries(paths).flatMap(([target, methods]) =>
    Object.entries(methods).map(([method, { security, requestBody, parameters }]) => ({
      method: method.toUpperCase(),
      path: target,
      type: requestBody === undefined ? null : (Object.keys(requestBody.content)[0] ?? null),
      security: (Object.keys(security?.[0] ?? {})[0] ?? 'none') as Route['security'],
      query: (parameters ?? []).filter((each) => each.in === 'query').map((each) => each.name),
    })),
  );
}
