import type { Clock } from '../../../src/core/ports/clock.ts';
import { createReplicaWorkspace } from '../../../src/core/replica/replica-workspace.ts';
import type { Replica } from '../../../src/core/replica/replica.ts';
import { MNEME_PREFIX, mnemeKind } from '../../../src/kinds/mneme/names.ts';
import { createPrefixedWorkspace } from '../../../src/node/prefixed-workspace.ts';
import { createStaleWritesWorkspace } from '../../../src/sources/mneme-files/stale-writes-workspace.ts';
import { createWholeFilesWorkspace } from '../../../src/sources/mneme-files/whole-files-workspace.ts';
import type { FileName, ModelClient } from './client.ts';

/** A client's files as the node's source captures and applies them. */
export interface CapturedFiles {
  capture(client: ModelClient): Promise<void>;
  /** Puts in place what came, once the client's files were captured. */
  apply(): Promise<void>;
}

export function captureFiles(replica: Replica, clock: Clock): CapturedFiles {
  const inner = createReplicaWorkspace(replica, { writer: 'tree:mneme', covers: ({ name }) => name.startsWith(MNEME_PREFIX) });
  const workspace = createWholeFilesWorkspace(createStaleWritesWorkspace(createPrefixedWorkspace(inner, MNEME_PREFIX), clock), clock);
  let client: ModelClient | null = null;

  const capture = async (of: ModelClient): Promise<void> => {
    client = of;
    const found = [...of.files].map(([file, { content }]) => ({
      type: 'body' as const,
      item: { kind: mnemeKind(file), name: `${of.project}/${file}` },
      attributes: {},
      body: Buffer.from(content),
      local: null,
    }));
    await workspace.capture(found, { message: '', writer: 'test' });
  };

  return {
    capture,
    async apply() {
      if (client === null) return;
      await capture(client);
      const outstanding = await workspace.outstanding();
      await workspace.intend(outstanding);
      for (const { item, content } of outstanding) {
        const file = item.name.slice(item.name.indexOf('/') + 1) as FileName;
        if (content === null) client.files.delete(file);
        else client.files.set(file, { content: Buffer.from(await workspace.read(item, content)).toString(), mtime: clock.now() });
      }
      await workspace.applied(outstanding.map(({ item, content }) => ({ item, content, local: null })));
    },
  };
}
