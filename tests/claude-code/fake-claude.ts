import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { appendFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectFolder } from '../../src/kinds/claude-home/project-folder.ts';

/** Writes into a Claude home as Claude Code does: appends to transcripts and prompt history, rewrites settings whole. */
export interface FakeClaude {
  /** Lines written so far, by session. */
  readonly written: ReadonlyMap<string, readonly string[]>;
  /** Goes on with a session for so long: 20 lines a second, some of them in two pieces. */
  use(session: string, ms: number): Promise<void>;
  /** Types a prompt. */
  type(display: string): Promise<void>;
  /** Changes one key of settings.json, as it is now. */
  set(key: string, value: unknown): void;
  fileOf(session: string): string;
}

export function createFakeClaude(home: string, cwd: string): FakeClaude {
  const written = new Map<string, string[]>();
  const claude = path.join(home, '.claude');
  const fileOf = (session: string): string => path.join(claude, 'projects', projectFolder(cwd), `${session}.jsonl`);
  return {
    written,
    fileOf,
    async use(session, ms) {
      const lines = written.get(session) ?? [];
      written.set(session, lines);
      await mkdir(path.dirname(fileOf(session)), { recursive: true });
      for (const end = Date.now() + ms; Date.now() < end; await sleep(50)) {
        const line = `${JSON.stringify({ type: 'user', cwd, sessionId: session, uuid: randomUUID(), timestamp: new Date().toISOString(), text: 'x'.repeat(lines.length % 400) })}\n`;
        const cut = lines.length % 3 === 0 ? line.length >> 1 : line.length;
        await appendFile(fileOf(session), line.slice(0, cut));
        if (cut < line.length) {
          await sleep(5);
          await appendFile(fileOf(session), line.slice(cut));
        }
        lines.push(line);
      }
    },
    async type(display) {
      const line = JSON.stringify({ display, pastedContents: {}, timestamp: Date.now(), project: cwd });
      await appendFile(path.join(claude, 'history.jsonl'), `${line}\n`);
    },
    set(key, value) {
      const file = path.join(claude, 'settings.json');
      // At once: with the nodes in the same process, anything could come between reading and writing.
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '{}';
      writeFileSync(`${file}.tmp-${process.pid}`, `${JSON.stringify({ ...(JSON.parse(text) as object), [key]: value }, null, 2)}\n`);
      renameSync(`${file}.tmp-${process.pid}`, file);
    },
  };
}
