import { recordsOf } from '../kinds/claude-home/session-records.ts';
import { saidIn } from '../kinds/claude-home/transcript-text.ts';
import { readMemory, type Memory } from '../kinds/claude-mem/memory.ts';
import type { CommandContext } from './frame-command.ts';
import { printable, printableText } from './output-style.ts';
import { shownTime } from './shown-time.ts';

interface Shown {
  readonly item: string;
  readonly kind: string;
  readonly deleted: boolean;
  readonly body: string;
  readonly encoding: string;
  readonly passage: number | null;
  readonly machine: string;
}

/** A memory or session as one reads it, safe for a terminal; `null` for what is shown as it is. O(size). */
export function readableBody(context: Pick<CommandContext, 'style' | 'clock'>, shown: Shown): string | null {
  if (shown.deleted || shown.encoding !== 'utf8') return null;
  if (shown.passage !== null) return printableText(shown.body.trimEnd());
  const body = Buffer.from(shown.body, 'utf8');
  if (shown.kind === 'transcript') return readableSession(context, body);
  const memory = shown.kind === 'claude-mem' ? readMemory(shown.item, body) : null;
  return memory === null ? null : readableMemory(context, memory, shown);
}

function readableMemory({ style, clock }: Pick<CommandContext, 'style' | 'clock'>, memory: Memory, { machine }: Shown): string {
  const { type, title, subtitle, parts, facts, concepts, filesRead, filesChanged, project, session, time } = memory;
  const date = new Date(time ?? NaN);
  const when = Number.isNaN(date.getTime()) ? null : shownTime(date.toISOString(), clock.now());
  const about = [type, project, machine, when, session === null ? null : `session ${session}`].filter((word) => word !== null);
  const list = (name: string, all: readonly string[]): string[] =>
    all.length === 0 ? [] : [`${style.bold(`${name}:`)} ${all.map(printable).join(', ')}`];
  const blocks = [
    [...(title === null ? [] : [style.bold(printableText(title.trim()))]), style.dim(about.map(printable).join(' · '))].join('\n'),
    ...(subtitle === null ? [] : [printableText(subtitle.trim())]),
    ...parts.map(({ name, text }) => (name === '' ? '' : `${style.bold(name)}\n`) + printableText(text.trim())),
    facts.map((fact) => `- ${printable(fact)}`).join('\n'),
    [...list('Concepts', concepts), ...list('Files read', filesRead), ...list('Files changed', filesChanged)].join('\n'),
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

function readableSession({ style, clock }: Pick<CommandContext, 'style' | 'clock'>, body: Uint8Array): string {
  const blocks: string[] = [];
  for (const record of recordsOf(body)) {
    const time = typeof record['timestamp'] === 'string' ? Date.parse(record['timestamp']) : NaN;
    const when = Number.isNaN(time) ? '' : ` ${style.dim(shownTime(new Date(time).toISOString(), clock.now()))}`;
    for (const { by, text } of saidIn(record))
      if (text.trim() !== '') blocks.push(`${style.bold(`${by}:`)}${when}\n${printableText(text.trimEnd())}`);
  }
  return blocks.length === 0 ? 'Nothing was said in it.' : blocks.join('\n\n');
}
