import type { Config } from '../config/config.ts';
import { problemToText, type ConfigProblem } from '../config/problem.ts';
import type { Result } from '../core/result.ts';
import { failed, passed, warned, type Check } from '../node/doctor/check.ts';
import type { SharedStore } from '../node/doctor/home-checks.ts';
import { DamagedKeyFile } from '../node/damaged-key-file.ts';
import { counted } from '../node/counted.ts';
import { isStarted, nodeHome } from '../node/home.ts';
import { isProcess } from '../node/node-lock.ts';
import { readRunning } from '../node/running.ts';
import { PasswordMissing } from '../store/store-unusable.ts';
import { askNode } from './ask-node.ts';
import { EXIT } from './exit-codes.ts';
import { CommandFailure, defineCommand, type CommandContext, type CommandResult } from './frame-command.ts';
import { printable } from './output-style.ts';

type LoadedConfig = Result<Config, readonly ConfigProblem[]>;

export const doctorCommand = defineCommand({
  summary: 'Check everything and say what to do; changes nothing',
  options: { all: { type: 'flag', summary: 'show what is in order, too' } },
  examples: ['satchel doctor', 'satchel doctor --json'],
  notes:
    'Exit 1 where a check failed; warnings are exit 0.\nJSON: {checks: [{id, result: "ok"|"warn"|"fail", severity: "low"|"medium"|"high", reason, evidence, next_step}]}.',
  async run(context): Promise<CommandResult> {
    const home = nodeHome(context.environment.home);
    const { checkHome } = await import('../node/doctor/home-checks.ts');
    const { loadConfig } = await import('../config/config.ts');
    const config = await loadConfig(context.environment);
    const ofHome = [
      ...(await checkHome(home, process.version, await sharedStore(context, config))),
      checkConfig(config),
      await checkService(context),
    ];
    // Opening a node makes what is missing: one that was never started is left as it is.
    const asked = (await isStarted(home)) ? await askChecks(context) : await checkMnemeAlone(context);
    // Of one thing the node that runs knows more.
    const checks = sayOnce([...ofHome.filter(({ id }) => !asked.some((check) => check.id === id)), ...asked]);
    const bad = checks.filter((check) => check.result === 'fail').length;
    const warnings = checks.filter((check) => check.result === 'warn').length;
    const shown = checks.filter(
      (check) => context.options.all || check.result !== 'ok' || (check.id.endsWith('.not-carried') && check.evidence.length > 0),
    );
    const verdict =
      bad === 0 && warnings === 0
        ? context.style.green(`All ${checks.length} checks passed.`)
        : bad === 0
          ? `None of ${checks.length} checks failed, ${counted(warnings, 'warning')}.`
          : `${bad} of ${checks.length} checks failed, ${counted(warnings, 'warning')}.`;
    return {
      human: [verdict, ...shown.map((check) => describe(check, context))].join('\n'),
      json: { checks },
      exit: bad === 0 ? EXIT.ok : EXIT.failed,
    };
  },
});

/** Said of itself too where a node runs, which goes on by what it read when it began. */
function checkConfig(config: LoadedConfig): Check {
  if (config.ok) return passed('config', 'the configuration can be read');
  const [first, ...others] = config.error;
  const reason = first === undefined ? 'the configuration cannot be read' : problemToText({ ...first, fix: '' }).replace(/\. $/, '');
  return failed('config', 'high', reason, first?.fix ?? null, others.map(problemToText));
}

async function sharedStore({ environment }: CommandContext, config: LoadedConfig): Promise<SharedStore | null> {
  const address = config.ok ? config.value.store : undefined;
  if (address === undefined) return null;
  const { probeSharedStore } = await import('../node/shared-store/open-shared-store.ts');
  const running = await readRunning(nodeHome(environment.home));
  return {
    probe: () => probeSharedStore(address, { environment }),
    address,
    isAsked: running !== null && isProcess(running.pid),
  };
}

async function askChecks(context: CommandContext): Promise<Check[]> {
  try {
    const { checks, live } = await askNode(context, 'doctor', {});
    return [
      live ? passed('node.running', 'the node is running') : warned('node.running', 'medium', 'the node is not running', 'Run: satchel up'),
      ...checks,
    ];
  } catch (error) {
    // It is a warning already that nobody can look into its database from here.
    if (error instanceof CommandFailure && error.cause instanceof PasswordMissing)
      return [warned('node.running', 'medium', 'the node is not running', 'Run: satchel up')];
    const message = error instanceof Error ? error.message : String(error);
    const next = error instanceof DamagedKeyFile ? error.remedy : error instanceof CommandFailure ? (error.next ?? null) : null;
    return [failed('node.opens', 'high', `the node cannot be asked: ${message}`, next)];
  }
}

/** A database that serves nobody is why the node cannot be asked either, or why it says of itself that it does not serve: one fault, with what follows from it. */
function sayOnce(checks: readonly Check[]): Check[] {
  const database = checks.find(({ id, result }) => id === 'store.database' && result === 'fail');
  if (database === undefined) return [...checks];
  const follows = checks.filter((check) => check !== database && check.result === 'fail' && check.reason.endsWith(database.reason));
  const evidence = follows.map(({ reason }) => `${reason.slice(0, -database.reason.length).replace(/: $/, '')} for that reason`);
  return checks.flatMap((check) =>
    follows.includes(check) ? [] : [check === database ? { ...check, evidence: [...check.evidence, ...evidence] } : check],
  );
}

/** mneme's client may sync with another machine's node. */
async function checkMnemeAlone({ environment }: CommandContext): Promise<Check[]> {
  const { checkMnemeClient } = await import('../node/doctor/mneme-checks.ts');
  return checkMnemeClient({ home: nodeHome(environment.home), userHome: environment.userHome, isLive: false }, { problem: null });
}

async function checkService({ environment }: CommandContext): Promise<Check> {
  try {
    const { managerFor } = await import('./service.ts');
    const { file, unit, active } = await managerFor(environment).status();
    if (unit === 'absent')
      return passed('service', 'not installed: the node runs only while satchel up does', ['satchel service install starts it at login']);
    if (unit === 'foreign')
      return warned('service', 'low', `${file} was not written by Satchel`, 'Look at it; then: satchel service install --replace');
    if (unit === 'outdated') return warned('service', 'medium', `${file} is of another version or place`, 'Run: satchel service install');
    if (active === false) return failed('service', 'high', 'the service is installed and does not run', 'Run: satchel service install');
    return passed('service', active === null ? 'installed; no service manager runs here to ask' : 'installed and running');
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return passed('service', error.message);
  }
}

function describe(check: Check, { style, asCalled }: CommandContext): string {
  const mark = { ok: style.green('ok  '), warn: style.yellow('warn'), fail: style.red('FAIL') }[check.result];
  const lines = [
    `${mark} ${check.id}: ${asCalled(printable(check.reason))}`,
    ...check.evidence.map((line) => `       ${style.dim(asCalled(printable(line)))}`),
  ];
  if (check.next_step !== null) lines.push(`     → ${asCalled(printable(check.next_step))}`);
  return lines.join('\n');
}
