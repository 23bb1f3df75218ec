import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENVIRONMENT_SETTINGS, type Environment, type EnvironmentSetting } from '../config/environment.ts';
import { shellWord } from '../config/private-file.ts';
import { createLaunchdKind } from '../node/service/launchd.ts';
import {
  createServiceManager,
  type ForeignUnit,
  type NotStarted,
  type ServiceManager,
  type ServiceStatus,
} from '../node/service/manager.ts';
import { runCommand } from '../node/service/run-command.ts';
import type { Command, ServiceKind } from '../node/service/service.ts';
import { createSystemdKind } from '../node/service/systemd.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandSpec } from './frame-command.ts';

const install = defineCommand({
  summary: 'Write a user service that starts the node at login, and start it',
  options: {
    dryRun: { type: 'flag', summary: 'print what would be written and run, and change nothing' },
    replace: { type: 'flag', summary: 'move a file aside that Satchel did not write' },
  },
  examples: ['satchel service install', 'satchel service install --dry-run'],
  notes:
    'The service runs `satchel up` with the SATCHEL_ variables and CLAUDE_CONFIG_DIR of now.\nJSON: {file, written: "new"|"changed"|"kept", moved_to, started, reason, run}; with --dry-run {file, text, run}.',
  async run({ environment, options }) {
    const manager = managerFor(environment);
    if (options.dryRun) {
      const { file, text, commands } = await manager.plan();
      const run = commands.map(commandLine);
      return { human: `Would write ${file}:\n\n${text}\nThen run:\n${indented(run)}`, json: { file, text, run } };
    }
    const result = await manager.install({ replace: options.replace });
    if (!result.ok) throw foreignFailure(result.error, 'Look at it; then: satchel service install --replace');
    const { file, written, movedTo, notStarted } = result.value;
    const lines = [{ new: `Wrote ${file}`, changed: `Changed ${file}`, kept: `${file} was as it should be` }[written]];
    if (movedTo !== null) lines.push(`The file that was there is now ${movedTo}`);
    lines.push(notStarted === null ? 'The node runs, and starts at each login.' : notDone('The node was not started', notStarted));
    return {
      human: lines.join('\n'),
      json: { file, written, moved_to: movedTo, started: notStarted === null, ...notDoneJson(notStarted) },
      exit: notStarted === null ? EXIT.ok : EXIT.failed,
    };
  },
});

const remove = defineCommand({
  summary: 'Stop the service and remove its file',
  examples: ['satchel service remove'],
  notes: 'The store, its keys and its configuration stay.\nJSON: {file, removed, stopped, reason, run}.',
  async run({ environment }) {
    const result = await managerFor(environment).remove();
    if (!result.ok) throw foreignFailure(result.error, 'Remove it yourself, if you want it gone');
    const { file, removed, notStopped } = result.value;
    const lines = [removed ? `Removed ${file}` : 'There is no service.'];
    if (notStopped !== null) lines.push(notDone('The service manager was not told', notStopped));
    return {
      human: lines.join('\n'),
      json: { file, removed, stopped: notStopped === null, ...notDoneJson(notStopped) },
      exit: notStopped === null ? EXIT.ok : EXIT.failed,
    };
  },
});

const status = defineCommand({
  summary: 'Say whether the service is installed and runs; exit 1 where it does not',
  examples: ['satchel service status', 'satchel service status --json'],
  notes: 'JSON: {file, unit: "absent"|"foreign"|"current"|"outdated", active: true|false|null}.',
  async run({ environment, asCalled }) {
    const found = await managerFor(environment).status();
    return {
      human: statusLine(found, asCalled),
      json: found,
      exit: found.active === true && found.unit !== 'absent' ? EXIT.ok : EXIT.failed,
    };
  },
});

export const serviceCommand: CommandSpec = {
  summary: 'The node as a service of this user: a systemd user unit or a launchd agent.',
  verbs: { install, remove, status },
};

function statusLine({ file, unit, active }: ServiceStatus, asCalled: (text: string) => string): string {
  if (unit === 'absent') return asCalled('Not installed. Run: satchel service install');
  if (unit === 'foreign') return `${file} is there, but Satchel did not write it.`;
  const runs = {
    true: 'Runs',
    false: 'Installed, but does not run',
    null: 'Installed; whether it runs cannot be told, as no service manager runs here',
  }[String(active) as 'true'];
  return unit === 'outdated' ? asCalled(`${runs}. Its file is of another version or place. Run: satchel service install`) : `${runs}.`;
}

function notDone(what: string, { reason, commands }: NotStarted): string {
  return `${what}: ${reason}. Once it does, run:\n${indented(commands.map(commandLine))}`;
}

function notDoneJson(notStarted: NotStarted | null): object {
  return { reason: notStarted?.reason ?? null, run: notStarted?.commands.map(commandLine) ?? [] };
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}

function commandLine(command: Command): string {
  return command.map(shellWord).join(' ');
}

function foreignFailure({ type, file }: ForeignUnit, next: string): CommandFailure {
  return new CommandFailure(EXIT.refused, type, `${file} was not written by Satchel, so it was left as it is`, { next });
}

/** The service as it would be for this environment. */
export function managerFor(environment: Environment): ServiceManager {
  const variables: Record<string, string> = { SATCHEL_HOME: environment.home };
  if (environment.claudeConfigDir !== null) variables['CLAUDE_CONFIG_DIR'] = environment.claudeConfigDir;
  for (const [key, value] of Object.entries(environment.settings)) variables[ENVIRONMENT_SETTINGS[key as EnvironmentSetting]] = value;
  const program = {
    node: process.execPath,
    script: path.join(path.dirname(fileURLToPath(import.meta.url)), 'main.js'),
    variables,
    logFolder: path.join(environment.home, 'log'),
  };
  return createServiceManager({ kind: kindFor(environment), program, run: runCommand });
}

function kindFor(environment: Environment): ServiceKind {
  if (process.platform === 'darwin') return createLaunchdKind(environment.userHome, process.getuid!());
  if (process.platform === 'linux') return createSystemdKind(environment.configHome);
  const message = `there is no service for ${process.platform} yet`;
  throw new CommandFailure(EXIT.failed, 'unsupported', message, { next: 'Start `satchel up` with your own means at login.' });
}
