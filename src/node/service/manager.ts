import { rename, rm } from 'node:fs/promises';
import { makeFolders } from '../make-folders.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Command, ServiceKind, ServiceProgram } from './service.ts';
import { readUnitFile, writeUnitFile } from './unit-file.ts';

export interface ServiceDeps {
  readonly kind: ServiceKind;
  readonly program: ServiceProgram;
  /** Exit code (null where the program is not there) and what it printed on stderr. */
  readonly run: (command: Command) => Promise<{ readonly code: number | null; readonly stderr: string }>;
}

export interface InstallPlan {
  readonly file: string;
  readonly text: string;
  readonly commands: readonly Command[];
}

export interface Installed {
  readonly file: string;
  /** `kept`: the file was there as it should be. */
  readonly written: 'new' | 'changed' | 'kept';
  /** Where a file that was not ours went. */
  readonly movedTo: string | null;
  /** Null where the service was started; else why not, and what to run. */
  readonly notStarted: NotStarted | null;
}

export interface NotStarted {
  readonly reason: string;
  readonly commands: readonly Command[];
}

export interface Removed {
  readonly file: string;
  readonly removed: boolean;
  /** Set where the service manager could not be told. */
  readonly notStopped: NotStarted | null;
}

export interface ServiceStatus {
  readonly file: string;
  readonly unit: 'absent' | 'foreign' | 'current' | 'outdated';
  /** Null where the service manager does not run, so that it cannot be asked. */
  readonly active: boolean | null;
}

/** The service's file is not one that we wrote. */
export interface ForeignUnit {
  readonly type: 'foreign-unit';
  readonly file: string;
}

export interface ServiceManager {
  /** What `install` would write and run. Changes nothing. */
  plan(): Promise<InstallPlan>;
  /** Idempotent. Leaves a foreign file alone, unless told to `replace` it: then it is moved aside. */
  install(options: { readonly replace: boolean }): Promise<Result<Installed, ForeignUnit>>;
  /** Idempotent. Leaves a foreign file alone. */
  remove(): Promise<Result<Removed, ForeignUnit>>;
  status(): Promise<ServiceStatus>;
}

export function createServiceManager({ kind, program, run }: ServiceDeps): ServiceManager {
  const wanted = kind.unit(program);
  const isRunning = async (): Promise<boolean> => (await run(kind.isRunning())).code === 0;

  async function runAll(commands: readonly Command[]): Promise<NotStarted | null> {
    if (!(await isRunning())) return { reason: `${kind.name} does not run for this user here`, commands };
    for (const [index, command] of commands.entries()) {
      const { code, stderr } = await run(command);
      if (code !== 0)
        return { reason: `${command.join(' ')} failed: ${stderr.trim() || `exit code ${code}`}`, commands: commands.slice(index) };
    }
    return null;
  }

  return {
    async plan() {
      const found = await readUnitFile(kind.file);
      return { file: kind.file, text: wanted, commands: kind.activate(found.state === 'ours' && found.text !== wanted) };
    },

    async install({ replace }) {
      const found = await readUnitFile(kind.file);
      let movedTo: string | null = null;
      if (found.state === 'foreign') {
        if (!replace) return fail({ type: 'foreign-unit', file: kind.file });
        movedTo = `${kind.file}.before-satchel`;
        await rename(kind.file, movedTo);
      }
      const kept = found.state === 'ours' && found.text === wanted;
      // launchd makes the file that it logs to, but not its folder.
      if (kind.name === 'launchd') await makeFolders(program.logFolder);
      if (!kept) await writeUnitFile(kind.file, wanted);
      const active = (await isRunning()) && (await run(kind.isActive())).code === 0;
      // launchd refuses to start what runs; systemd does not mind. Nothing to do, either way.
      const notStarted = kept && active && kind.name === 'launchd' ? null : await runAll(kind.activate(active && !kept));
      const written = found.state === 'ours' ? (kept ? 'kept' : 'changed') : 'new';
      return ok({ file: kind.file, written, movedTo, notStarted });
    },

    async remove() {
      const found = await readUnitFile(kind.file);
      if (found.state === 'foreign') return fail({ type: 'foreign-unit', file: kind.file });
      if (found.state === 'absent') return ok({ file: kind.file, removed: false, notStopped: null });
      const active = (await isRunning()) && (await run(kind.isActive())).code === 0;
      const stopped = active || kind.name === 'systemd' ? await runAll(kind.deactivate()) : null;
      await rm(kind.file);
      const reread = stopped === null && (await isRunning()) ? await runAll(kind.afterRemoval()) : null;
      return ok({ file: kind.file, removed: true, notStopped: stopped ?? reread });
    },

    async status() {
      const found = await readUnitFile(kind.file);
      const unit = found.state === 'ours' ? (found.text === wanted ? 'current' : 'outdated') : found.state;
      const active = (await isRunning()) ? (await run(kind.isActive())).code === 0 : null;
      return { file: kind.file, unit, active };
    },
  };
}
