import { Agent } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MnemePlace } from './mneme-place.ts';

let place: MnemePlace;
let other: string;
beforeAll(async () => {
  place = await MnemePlace.create({ config: { proxies: ['127.0.0.1'] } });
  ({ token: other } = await place.node.mneme.tokens.add('other', { projects: null }));
});
afterAll(() => place.close());

let projects = 0;

/** A project with one fact of client a's. */
async function withFact(): Promise<string> {
  const project = `received-${(projects += 1)}`;
  await place.lock(project, 'a');
  await place.put(project, 'remembered.json', '["fact"]', 'a');
  await place.unlock(project, 'a');
  return project;
}

/** What is there once client b, in another process, pushed that it has no fact. */
async function afterForgetting(project: string, agent = new Agent({ keepAlive: true })): Promise<unknown> {
  await place.ask('GET', `/projects/${project}/files`, { agent, key: other });
  await place.put(project, 'remembered.json', '[]', 'b', { agent, key: other });
  await place.unlock(project, 'b', { agent, key: other });
  agent.destroy();
  return (await place.get(project, 'remembered.json')).body['content'];
}

describe('what the last answer of a process brought', () => {
  it('was received where the process read it to its end: what it lacks then was forgotten', async () => {
    const project = await withFact();
    const agent = new Agent({ keepAlive: true });
    await place.lock(project, 'b', { agent, key: other });
    await place.ask('GET', `/projects/${project}/files`, { agent, key: other });
    expect((await place.get(project, 'remembered.json', { agent, key: other })).body['content']).toBe('["fact"]');
    agent.destroy();
    expect(await afterForgetting(project)).toBe('[]');
  });

  it('may be forgotten at once, so that the file is again as it was', async () => {
    const project = await withFact();
    await place.lock(project, 'b', { key: other });
    await place.put(project, 'remembered.json', '["own"]', 'b', { key: other });
    await place.unlock(project, 'b', { key: other });
    const agent = new Agent({ keepAlive: true });
    await place.lock(project, 'b', { agent, key: other });
    await place.ask('GET', `/projects/${project}/files`, { agent, key: other });
    const merged = String((await place.get(project, 'remembered.json', { agent, key: other })).body['content']);
    expect(JSON.parse(merged)).toEqual(['fact', 'own']);
    agent.destroy();
    await place.put(project, 'remembered.json', '["own"]', 'b', { key: other });
    expect((await place.get(project, 'remembered.json')).body['content']).toBe('["own"]');
  });

  it('was received where each request had a connection of its own', async () => {
    const project = await withFact();
    const agent = new Agent({ keepAlive: false });
    await place.lock(project, 'b', { agent, key: other });
    await place.ask('GET', `/projects/${project}/files`, { agent, key: other });
    expect((await place.get(project, 'remembered.json', { agent, key: other })).body['content']).toBe('["fact"]');
    expect(await afterForgetting(project, agent)).toBe('[]');
  });

  it('may still be on its way where a proxy has it, and it is large', async () => {
    const project = await withFact();
    const agent = new Agent({ keepAlive: true });
    const relayed = { agent, key: other, headers: { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https' } };
    const forget = async (large: string): Promise<unknown> => {
      await place.lock(project, 'a');
      await place.put(project, 'remembered.json', JSON.stringify([large]), 'a');
      await place.unlock(project, 'a');
      await place.lock(project, 'b', relayed);
      await place.ask('GET', `/projects/${project}/files`, relayed);
      await place.get(project, 'remembered.json', relayed);
      await place.ask('GET', `/projects/${project}/files`, relayed);
      await place.put(project, 'remembered.json', '[]', 'b', relayed);
      await place.unlock(project, 'b', relayed);
      return (await place.get(project, 'remembered.json')).body['content'];
    };
    expect(await forget('small')).toBe('[]');
    expect(await forget('large'.repeat(20_000))).toContain('large');
    agent.destroy();
  });

  it('was not where such a connection ended with the answer unread', async () => {
    const project = await withFact();
    const { hostname, port } = new URL(place.url);
    const agent = new Agent({ keepAlive: false });
    await place.lock(project, 'b', { agent, key: other });
    await place.ask('GET', `/projects/${project}/files`, { agent, key: other });
    const socket = connect(Number(port), hostname);
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.pause();
    const headers = `Host: ${hostname}:${port}\r\nAuthorization: Bearer ${other}\r\nConnection: close\r\n`;
    socket.write(`GET /projects/${project}/files/remembered.json HTTP/1.1\r\n${headers}\r\n`);
    await place.get(project, 'remembered.json');
    socket.resetAndDestroy();
    expect(await afterForgetting(project, agent)).toContain('fact');
  });

  it('was not where somebody else with its key read outside of its pull', async () => {
    const project = await withFact();
    await place.put(project, 'remembered.json', '["own"]', 'b', { key: other }); // refused, and kept
    const agent = new Agent({ keepAlive: false });
    expect((await place.get(project, 'remembered.json', { agent, key: other })).body['content']).toContain('own');
    expect(await afterForgetting(project, agent)).toContain('fact');
  });

  it('was not where it ended with the answer unread', async () => {
    const project = await withFact();
    const { hostname, port } = new URL(place.url);
    await place.lock(project, 'b', { key: other });
    const socket = connect(Number(port), hostname);
    const headers = `Host: ${hostname}:${port}\r\nAuthorization: Bearer ${other}\r\n`;
    socket.write(`GET /projects/${project}/files HTTP/1.1\r\n${headers}\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    socket.write(`GET /projects/${project}/files/remembered.json HTTP/1.1\r\n${headers}\r\n`);
    // Another request is answered meanwhile, so this one is too.
    await place.get(project, 'remembered.json');
    socket.resetAndDestroy();
    expect(await afterForgetting(project)).toContain('fact');
  });
});
