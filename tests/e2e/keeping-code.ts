import * as nodeModule from 'node:module';
import path from 'node:path';

/** Flags of Node with which a node of the built program starts from what was compiled before (keep-code.ts); none where it does so anyway. */
export function keepingCode(program: string, command: string | undefined): string[] {
  if (command !== 'up' || 'enableCompileCache' in nodeModule) return [];
  return ['--require', path.join(path.dirname(program), 'keep-code.js')];
}
