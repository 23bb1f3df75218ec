import { z } from 'zod';
import { loadConfig } from '../../config/config.ts';
import type { MnemeConfig } from '../../config/schema.ts';
import { importProjects, type ImportedProjects } from '../mneme/import-projects.ts';
import { readMnemeSettings } from '../mneme/settings.ts';
import type { SatchelNode } from '../node.ts';
import { saveSettings } from '../save-settings.ts';
import { defineOperation, OperationFailure } from './operation.ts';

export interface MnemeTokenLine {
  readonly id: string;
  readonly name: string;
  /** `null`: all projects. */
  readonly projects: readonly string[] | null;
  readonly created_at: number;
}

export interface MnemeStatus {
  readonly enabled: boolean;
  /** What clients are to be given as `serverUrl`; where the node does not run, what it will be. */
  readonly url: string;
  readonly listening: boolean;
  /** Why it does not listen, though it is to. */
  readonly problem: string | null;
  /** Who gets in: whoever shows a token, or a key that a file names, or everybody on this machine. */
  readonly keys: 'tokens' | 'file' | 'none';
  readonly tokens: readonly MnemeTokenLine[];
}

/** Turns the gateway on or off, or only says how it stands. */
export const serveMnemeOperation = defineOperation({
  input: z.strictObject({ enabled: z.boolean().optional(), port: z.int().min(0).max(65_535).optional() }),
  async run(node, { enabled, port }): Promise<MnemeStatus> {
    const before = await configured(node);
    const wanted: MnemeConfig = {
      ...before,
      ...(enabled === undefined ? {} : { enabled }),
      ...(port === undefined ? {} : { port }),
    };
    const isNew = wanted.enabled !== before.enabled || wanted.port !== before.port;
    if (isNew) {
      const settings = await readMnemeSettings({ mneme: wanted, environment: node.config.environment });
      if (!settings.ok && wanted.enabled) throw unusable(settings.error);
    }
    if (node.isLive && wanted.enabled && (isNew || node.mneme.address === null)) {
      const started = await node.mneme.start(wanted);
      if (!started.ok) throw unusable(started.error);
    }
    if (node.isLive && !wanted.enabled) await node.mneme.stop();
    // Last, so that what does not work is not tried again with every start.
    if (isNew)
      await saveSettings(node.config.file, ({ mneme }) => ({
        mneme: { ...(mneme as object | undefined), enabled: wanted.enabled, ...(port === undefined ? {} : { port }) },
      }));
    return statusOf(node, wanted);
  },
});

/** Lets a machine in. The token is shown once. `after`: the one in whose place it comes. */
export const addMnemeTokenOperation = defineOperation({
  input: z.strictObject({
    name: z.string().max(128),
    projects: z.array(z.string().min(1).max(4096)).max(1000).nullable(),
    after: z.string().min(1).max(4096).optional(),
  }),
  async run(node, { name, projects, after }): Promise<{ id: string; token: string; name: string; projects: readonly string[] | null }> {
    return { ...(await node.mneme.machines.add(name, projects, after)), name, projects };
  },
});

export const removeMnemeTokenOperation = defineOperation({
  input: z.strictObject({ id: z.string().min(1).max(4096) }),
  run: async (node, { id }): Promise<{ removed: boolean }> => ({ removed: await node.mneme.machines.remove(id) }),
});

/** The id of a token, for whoever has it. */
export const knownMnemeTokenOperation = defineOperation({
  input: z.strictObject({ token: z.string().min(1).max(4096) }),
  run: async (node, { token }): Promise<{ id: string | null }> => ({ id: (await node.mneme.tokens.find(token))?.id ?? null }),
});

/** Takes over what the first server kept. */
export const importMnemeOperation = defineOperation({
  input: z.strictObject({ folder: z.string().min(1).max(4096).nullable() }),
  async run(node, { folder }, { progress }): Promise<ImportedProjects & { folder: string }> {
    const settings = await readMnemeSettings({ mneme: await configured(node), environment: node.config.environment });
    if (!settings.ok && folder === null) throw unusable(settings.error);
    const from = folder ?? (settings.ok ? settings.value.dataDir : '');
    try {
      const imported = await importProjects({
        spaces: await node.mneme.spaces(),
        clock: node.deps.clock,
        folder: from,
        onProgress: (done, total) => progress(done, total, 'projects'),
      });
      return { ...imported, folder: from };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new OperationFailure('usage', 'no-projects', `there is no folder "projects" in ${from}`, 'Run: satchel mneme import FOLDER');
    }
  },
});

async function statusOf(node: SatchelNode, mneme: MnemeConfig): Promise<MnemeStatus> {
  const settings = await readMnemeSettings({ mneme, environment: node.config.environment });
  if (!settings.ok) throw unusable(settings.error);
  const { host, port, apiKeys } = settings.value;
  const tokens = await node.mneme.tokens.list();
  return {
    enabled: mneme.enabled,
    url: reachable(node.mneme.address ?? `http://${host.includes(':') ? `[${host}]` : host}:${port}`),
    listening: node.mneme.address !== null,
    problem: node.mneme.problem,
    keys: apiKeys === null ? 'tokens' : apiKeys.length === 0 ? 'none' : 'file',
    tokens: tokens.map(({ id, name, projects, createdAt }) => ({ id, name, projects, created_at: createdAt })),
  };
}

/** As config.json says by now: the node may have been told otherwise since it read it. */
async function configured(node: SatchelNode): Promise<MnemeConfig> {
  const config = await loadConfig(node.config.environment);
  if (config.ok) return config.value.mneme;
  throw new OperationFailure('usage', 'config', `config.json is wrong: ${config.error[0]?.message ?? ''}`, 'Run: satchel doctor');
}

function unusable(reason: string): OperationFailure {
  return new OperationFailure('failed', 'mneme-not-served', `mneme cannot be served: ${reason}`, 'Run: satchel mneme serve --port N');
}

/** One that listens everywhere is reached on this machine by its own name. */
function reachable(address: string): string {
  return address.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');
}
