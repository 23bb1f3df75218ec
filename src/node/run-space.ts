import type { Clock } from '../core/ports/clock.ts';
import { KeyMissing } from '../core/replica/key-missing.ts';
import type { HubLog } from '../gateways/native/hub-app.ts';
import type { WatchRound } from '../sources/file-tree/file-tree-source.ts';
import type { ClaudeProjects } from './claude-projects.ts';
import { keepWatching } from './keep-watching.ts';
import type { OpenSpace } from './open-space.ts';
import type { TreeSource } from './tree-sources.ts';

const LOOK_FOR_PLACES_MS = 30_000;
/** After a full disk, say. What was not looked at by then is looked at. */
const SECRETS_AGAIN_MS = 60_000;

export interface RunSpaceDeps {
  readonly clock: Clock;
  readonly log: HubLog;
  /** Called when something happened. */
  readonly touch: () => void;
}

/** Lets an open space sync and watch by itself, until {@link endSpace}. */
export function runSpace(open: OpenSpace, deps: RunSpaceDeps): void {
  open.runner.start();
  const { clock } = deps;
  const { signal } = open.watching;
  if (open.sources.length + open.rows.length > 0) open.watches.push(watchSecrets(open, deps));
  for (const { source, definition, health, projects } of open.sources) {
    const watch = keepWatching(source, { clock, health, ...watchEvents(definition.id, deps) }, signal);
    open.watches.push(
      projects === null ? watch : Promise.all([watch, lookForPlaces(projects, open.sources, deps, signal)]).then(() => undefined),
    );
  }
  watchRows(open, deps);
}

/** Lets the databases of an open space sync and watch by themselves. */
export function watchRows(open: OpenSpace, deps: RunSpaceDeps): void {
  for (const { source, definition, health } of open.rows)
    open.watches.push(keepWatching(source, { clock: deps.clock, health, ...watchEvents(definition.id, deps) }, open.watching.signal));
}

export async function endSpace(open: OpenSpace, log: HubLog): Promise<void> {
  open.rowNames.close();
  open.watching.abort();
  await open.runner.stop();
  // What goes on watching would capture past the replica that takes over.
  await Promise.all(open.watches);
  for (const source of [...open.sources, ...open.rows]) {
    // It only saves the next start a look: no reason not to end.
    await source.close().catch((error: unknown) => log.warn({ error: String(error) }, 'what is in place could not be noted'));
  }
}

function watchEvents(
  source: string,
  { log, touch }: RunSpaceDeps,
): {
  readonly onRound: (round: WatchRound) => void;
  readonly onFailure: (error: unknown, pause: number) => void;
} {
  return {
    onRound: (round) => {
      touch();
      if (round.type === 'scan' && round.report.state.type !== 'ok')
        log.warn({ source, state: round.report.state.type }, 'the source holds back');
    },
    onFailure: (error, pause) =>
      error instanceof KeyMissing
        ? log.warn({ source, pause }, error.message)
        : log.error({ source, pause, error: error instanceof Error ? error.stack : String(error) }, 'the source failed'),
  };
}

/** A checkout that was just made is the place of sessions before Claude Code ever ran there. */
async function lookForPlaces(
  projects: ClaudeProjects,
  sources: readonly TreeSource[],
  { clock, log }: RunSpaceDeps,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(LOOK_FOR_PLACES_MS, signal);
    if (signal.aborted) return;
    try {
      if (await projects.hasNewPlaces()) for (const { source } of sources) await source.apply();
    } catch (error) {
      log.error({ error: String(error) }, 'places of projects could not be looked for');
    }
  }
}

async function watchSecrets({ secrets, watching: { signal } }: OpenSpace, { clock, log }: RunSpaceDeps): Promise<void> {
  while (!signal.aborted) {
    try {
      await secrets.run(signal);
    } catch (error) {
      log.error({ error: error instanceof Error ? error.stack : String(error) }, 'looking for secrets failed');
      await clock.sleep(SECRETS_AGAIN_MS, signal);
    }
  }
}
