import { counted } from '../counted.ts';
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { pathsIn, serverCommands, settingsCommands, type ConfiguredCommand } from '../../kinds/claude-home/command-paths.ts';
import type { MachinePaths } from '../../kinds/claude-home/path-tokens.ts';
import { lostPlugins } from '../../kinds/claude-home/plugin-health.ts';
import { findCloudMarker } from '../../remotes/folder/cloud-markers.ts';
import { createNodeFiles } from '../../sources/files/node-files.ts';
import { missingHere } from '../missing-here.ts';
import type { OpenSpace, SatchelNode } from '../node.ts';
import type { TreeSource } from '../tree-sources.ts';
import { unknownPaths } from '../unknown-paths.ts';
import { failed, passed, some, warned, type Check } from './check.ts';

const DEFAULT_DAYS = 30;

/** Of a Claude home: what Claude Code would delete, run in vain, or not load; and who else has a hand in it. */
export async function checkClaudeHome(node: SatchelNode, open: OpenSpace, source: TreeSource): Promise<Check[]> {
  const { definition, forms } = source;
  if (forms === null) return [];
  const checks = await checkForms(node, open, source);
  if (source.projects === null) return checks;
  const { userHome: home, claudeHome, claudeConfigDir } = node.config.environment;
  const inHome = (name: string): Promise<unknown> => readJson(path.join(claudeHome, name));
  const settings = await inHome('settings.json');
  const claudeJson = await readJson(path.join(claudeConfigDir ?? home, '.claude.json'));
  const plugins = lostPlugins(
    settings,
    await inHome('plugins/installed_plugins.json'),
    await inHome('plugins/known_marketplaces.json'),
    existsSync,
  );
  const unknown = unknownPaths(definition, createNodeFiles({ root: definition.root, random: node.deps.random }));
  return [
    ...checks,
    checkCleanup(settings),
    checkCommands([...settingsCommands(settings), ...serverCommands(claudeJson)], { home, claudeHome }),
    plugins.length === 0
      ? passed('claude.plugins', 'every enabled plugin is where it is registered')
      : warned(
          'claude.plugins',
          'medium',
          `${counted(plugins.length, 'plugin')} would not load`,
          'Run: satchel pending; or install them again: claude plugin install NAME',
          some(plugins.map(({ plugin, reason }) => `${plugin} ${reason}`)),
        ),
    unknown.length === 0
      ? passed('claude.unknown', 'everything in the Claude home is known')
      : passed(
          'claude.unknown',
          `${counted(unknown.length, 'path is unknown to Satchel and stays', 'paths are unknown to Satchel and stay')} local; claude.include in config.json carries ${unknown.length === 1 ? 'it' : 'them'}`,
          some(unknown),
        ),
    ...(await checkOthers(claudeHome)),
  ];
}

async function checkForms(node: SatchelNode, open: OpenSpace, tree: TreeSource): Promise<Check[]> {
  const { definition, forms } = tree;
  const states = (await forms?.inspect()) ?? [];
  const id = `forms:${definition.id}`;
  const unshown = states.filter(({ problem }) => problem !== null).map(({ item, problem }) => `${item.name}: ${problem}`);
  const needs = (await missingHere(node, open, tree, states)).map(({ title, values }) => `${title}: ${values.join(', ')}`);
  const later = states.flatMap(({ item, later }) => later.map(({ pointer }) => `${item.name}: ${pointer}`));
  const checks: Check[] = [];
  if (unshown.length > 0)
    checks.push(
      failed(
        `${id}.unshown`,
        'medium',
        'what the space holds cannot be put in place',
        'Run: satchel log NAME, and restore a version that is right',
        unshown,
      ),
    );
  checks.push(
    needs.length === 0
      ? passed(`${id}.values`, 'no value is missing on this machine')
      : warned(
          `${id}.values`,
          'medium',
          'secret values are missing on this machine: they stay where they were written',
          'Which file each belongs into: satchel status',
          some(needs),
        ),
  );
  if (later.length > 0)
    checks.push(
      warned(
        `${id}.later`,
        'low',
        counted(later.length, 'plugin waits for its folder', 'plugins wait for their folders'),
        'Run: satchel pending',
        some(later),
      ),
    );
  return checks;
}

function checkCleanup(settings: unknown): Check {
  const id = 'claude.cleanup';
  const value =
    typeof settings === 'object' && settings !== null && 'cleanupPeriodDays' in settings ? settings.cleanupPeriodDays : DEFAULT_DAYS;
  const days = typeof value === 'number' ? value : DEFAULT_DAYS;
  const evidence = [`cleanupPeriodDays is ${days}`];
  if (days < 1)
    return warned(
      id,
      'high',
      'Claude Code deletes sessions here at once, perhaps before they are captured',
      'Raise cleanupPeriodDays in settings.json',
      evidence,
    );
  return passed(id, `Claude Code deletes sessions here after ${days} days; the space keeps them all: satchel sessions`, evidence);
}

function checkCommands(commands: readonly ConfiguredCommand[], paths: MachinePaths): Check {
  const lost = commands.flatMap(({ where, command }) =>
    pathsIn(command, paths)
      .filter((file) => !existsSync(file))
      .map((file) => `${where}: ${file}`),
  );
  if (lost.length === 0) return passed('claude.commands', 'every command that Claude Code would run is there');
  return warned(
    'claude.commands',
    'medium',
    `${counted(lost.length, 'command names a file that is', 'commands name files that are')} not on this machine`,
    'Install what they name, or approve it: satchel pending',
    some([...new Set(lost)]),
  );
}

/** Others that write into the Claude home behind everyone's back. */
async function checkOthers(claudeHome: string): Promise<Check[]> {
  if (!existsSync(claudeHome)) return [];
  const checks: Check[] = [];
  const real = await realpath(claudeHome);
  const marker = await findCloudMarker(real);
  if (marker !== null)
    checks.push(
      warned(
        'claude.cloud-folder',
        'high',
        `the Claude home lies in a folder of ${marker.client}, which copies files while they are being written`,
        'Take it out of there: Satchel carries it',
        [marker.path],
      ),
    );
  const repository = findRepository(real);
  if (repository !== null)
    checks.push(
      passed(
        'claude.repository',
        `the Claude home is ${repository === real ? '' : 'part of '}a git repository too: its .git stays local, and a checkout is captured like any other edit`,
        [repository, 'add .credentials.json, .claude.json and settings.local.json to its .gitignore'],
      ),
    );
  return checks;
}

/** The checkout that a folder is or lies in. One stat a level. */
function findRepository(folder: string): string | null {
  for (let at = folder; ; at = path.dirname(at)) {
    if (existsSync(path.join(at, '.git'))) return at;
    if (at === path.dirname(at)) return null;
  }
}

/** `null` for what is not there, or no JSON. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof SyntaxError || code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return null;
    throw error;
  }
}
