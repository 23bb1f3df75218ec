import { z } from 'zod';
import { loadConfig } from '../../config/config.ts';
import type { MnemeConfig } from '../../config/schema.ts';
import { importProjects, type ImportedProjects } from '../mneme/import-projects.ts';
import { mnemeState, type MnemeStatus } from '../mneme/mneme-state.ts';
import { readMnemeSettings } from '../mneme/settings.ts';
import { mnemeRemedy, whyNoProjects } from '../mneme/no-projects.ts';
import { noInput } from './no-input.ts';
import type { SatchelNode } from '../node.ts';
import { saveSettings } from '../save-settings.ts';
import { defineOperation, OperationFailure } from './operation.ts';

/** How the gateway stands, and this machine's own client. Changes nothing. */
export const mnemeStatusOperation = defineOperation({
  input: noInput,
  run: async (node): Promise<MnemeStatus> => mnemeState(node, await configured(node)),
});

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
    const { address } = node.mneme;
    const isNew = wanted.enabled !== before.enabled || wanted.port !== before.port;
    if (wanted.enabled) {
      refuseWithoutProjects(node);
      const settings = await readMnemeSettings({ mneme: wanted, environment: node.config.environment });
      if (!settings.ok) throw unusable(node, settings.error);
    }
    if (node.isLive && wanted.enabled && (isNew || node.mneme.address === null)) {
      const started = await node.mneme.start(wanted);
      if (!started.ok) {
        // As it was: what was refused is no problem of the node's.
        await (before.enabled && address !== null ? node.mneme.start(before) : node.mneme.stop());
        throw unusable(node, started.error);
      }
    }
    if (node.isLive && !wanted.enabled) await node.mneme.stop();
    // Last, so that what does not work is not tried again with every start.
    if (isNew)
      await saveSettings(node.config.file, ({ mneme }) => ({
        mneme: { ...(mneme as object | undefined), enabled: wanted.enabled, ...(port === undefined ? {} : { port }) },
      }));
    return mnemeState(node, wanted);
  },
});

/** Lets a machine in. The token is shown once. `after`: the one in whose place it comes. */
export const addMnemeTokenOperation = defineOperation({
  input: z.strictObject({
    name: z.string().max(128),
    projects: z.array(z.string().min(1).max(4096)).max(1000).nullable(),
    after: z.string().min(1).max(4096).optional(),
    /** Refuse a name that a token has already. */
    unique: z.boolean().default(false),
  }),
  async run(
    node,
    { name, projects, after, unique },
  ): Promise<{ id: string; token: string; name: string; projects: readonly string[] | null }> {
    refuseWithoutProjects(node);
    const same = unique ? (await node.mneme.tokens.list()).find((token) => token.name === name) : undefined;
    if (same !== undefined)
      throw new OperationFailure(
        'usage',
        'name-taken',
        `there is a token of ${JSON.stringify(name)} already: ${same.id}`,
        `Take another --name, or take that back first: satchel mneme serve --revoke ${same.id}`,
      );
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
    refuseWithoutProjects(node);
    const settings = await readMnemeSettings({ mneme: await configured(node), environment: node.config.environment });
    if (!settings.ok && folder === null) throw unusable(node, settings.error);
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

/** As config.json says by now: the node may have been told otherwise since it read it. */
async function configured(node: SatchelNode): Promise<MnemeConfig> {
  const config = await loadConfig(node.config.environment);
  if (config.ok) return config.value.mneme;
  throw new OperationFailure('usage', 'config', `config.json is wrong: ${config.error[0]?.message ?? ''}`, 'Run: satchel doctor');
}

function unusable(node: SatchelNode, reason: string): OperationFailure {
  return new OperationFailure('failed', 'mneme-not-served', `mneme cannot be served: ${reason}`, mnemeRemedy(node));
}

function refuseWithoutProjects(node: SatchelNode): void {
  const unservable = whyNoProjects(node);
  if (unservable === null) return;
  throw new OperationFailure('refused', 'mneme-no-projects', `this node cannot serve mneme: ${unservable.reason}`, unservable.next);
}
