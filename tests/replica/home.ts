import type { Item } from '../../src/core/item.ts';
import type { Remote } from '../../src/core/ports/remote.ts';
import type { Replica } from '../../src/core/replica/replica.ts';
import { createReplicaWorkspace } from '../../src/core/replica/replica-workspace.ts';
import { syncWith, type SyncReport } from '../../src/core/replica/transfer.ts';
import type { Workspace } from '../../src/core/replica/workspace.ts';

export const textItem = (name: string): Item => ({ kind: 'text', name });

/** A home as small as can be: text files in a map, captured and applied through a workspace. */
export class Home {
  readonly files = new Map<string, string>();
  readonly replica: Replica;
  readonly workspace: Workspace;
  constructor(replica: Replica) {
    this.replica = replica;
    this.workspace = createReplicaWorkspace(replica, { writer: 'home', covers: () => true });
  }

  async write(name: string, body: string): Promise<void> {
    this.files.set(name, body);
    await this.capture();
  }

  async capture(): Promise<void> {
    const shown = await this.workspace.views();
    const found = [...this.files].map(([name, body]) => ({
      type: 'body' as const,
      item: textItem(name),
      attributes: {},
      body: Buffer.from(body),
      local: null,
    }));
    const gone = [...shown.values()]
      .filter((v) => v.shown !== null && !this.files.has(v.item.name))
      .map((v) => ({ type: 'absent' as const, item: v.item }));
    await this.workspace.capture([...found, ...gone], { message: '', writer: 'test' });
  }

  async apply(): Promise<void> {
    const outstanding = await this.workspace.outstanding();
    await this.workspace.intend(outstanding);
    for (const { item, content } of outstanding) {
      if (content === null) this.files.delete(item.name);
      else this.files.set(item.name, Buffer.from(await this.workspace.read(item, content)).toString());
    }
    await this.workspace.applied(outstanding.map(({ item, content }) => ({ item, content, local: null })));
  }

  async sync(remote: Remote): Promise<SyncReport> {
    this.replica.setRemote(remote);
    let report = await syncWith(this.replica, remote);
    if (report.moved) report = await syncWith(this.replica, remote);
    await this.apply();
    return report;
  }
}
