import path from 'node:path';

/** What a command loads whatever it is asked, and what a node does that runs: by `import()`, which does not tell it from what is rare. */
const EVERY_COMMAND = ['src/cli/main.ts', 'src/cli/frame.ts', 'src/cli/frame-parser.ts', 'src/cli/main-commands.ts'];
const EVERY_NODE = [
  'src/cli/ask-in-process.ts',
  'src/node/serve-node.ts',
  'src/gateways/native/hub-server.ts',
  'src/node/operations/routes.ts',
];

/** Which part of a node's code may be needed by what is not for a node alone: by a command that asks one, and by all else. */
const OF_ASKING = 0.02;
const OF_OTHERS = 0.1;

const ASKING = ['src/cli', 'src/config'];

/** Half of a megabyte, of which each needs another part. It says itself what is needed of it. */
const ZOD = /[\\/]node_modules[\\/]zod[\\/]/;

/**
 * A plugin and an option of rolldown with which a start reads few files. By itself rolldown puts together what the very
 * same `import()`s lead to: 341 files, of which a node loaded 185; to find, read and check so many was a quarter of the CPU
 * that its start took. Here what each command loads is one (`command`), and what a node does four: what commands need
 * of it that ask a node (`asking`), what its threads need (`threads`), what others need that are not for a node alone (`beside`),
 * and all the rest (`node`). What needs little of a node loads little. What is loaded now and then stays as rolldown has it.
 */
export function fewChunks(root) {
  const modules = new Map();
  let nameOf = null;
  return {
    plugin: { name: 'modules', moduleParsed: (module) => void modules.set(module.id, module) },
    codeSplitting: {
      // Where modules import in no circle, neither do these files: each needs only those that are named before it.
      includeDependenciesRecursively: false,
      groups: [{ debugName: 'few files', name: (id) => (nameOf ??= chunkNames(root, modules))(id) }],
    },
  };
}

/** From a module's id to the name of its file, or `null`: where rolldown has it. */
function chunkNames(root, modules) {
  const inRoot = (files) => files.map((file) => path.join(root, file));
  const nodes = inRoot(EVERY_NODE);
  const node = reach(modules, nodes);
  const command = reach(modules, inRoot(EVERY_COMMAND));
  const size = (ids) => ids.reduce((sum, id) => sum + (ZOD.test(id) ? 0 : modules.get(id).code.length), 0);
  const all = size([...node]);
  const shared = { asking: new Set(), threads: new Set(), beside: new Set() };
  for (const entry of entriesOf(modules).filter((id) => !nodes.includes(id))) {
    const needed = [...reach(modules, [entry])].filter((id) => node.has(id));
    const part = size(needed) / all;
    if (part >= OF_OTHERS) continue;
    const folder = path.relative(root, path.dirname(entry)).replaceAll(path.sep, '/');
    const name = folder === 'src/node/threads' ? 'threads' : part < OF_ASKING && ASKING.includes(folder) ? 'asking' : 'beside';
    for (const id of needed) shared[name].add(id);
  }
  return (id) => {
    if (modules.get(id).isEntry) return null;
    if (command.has(id)) return 'command';
    if (!node.has(id) || ZOD.test(id)) return null;
    const name = Object.keys(shared).find((part) => shared[part].has(id));
    if (name === undefined) return 'node';
    // It would bring zod to all that need others of these.
    return [...reach(modules, [id])].some((needed) => ZOD.test(needed)) ? null : name;
  };
}

/** What something starts with, and what is loaded when it is needed. */
function entriesOf(modules) {
  const loaded = [...modules.values()].flatMap(({ isEntry, id, dynamicallyImportedIds }) =>
    (isEntry ? [id] : []).concat(dynamicallyImportedIds),
  );
  return [...new Set(loaded)].filter((id) => modules.has(id));
}

/** All that is loaded with some modules. */
function reach(modules, from) {
  const reached = new Set();
  const next = [...from];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (reached.has(id) || !modules.has(id)) continue;
    reached.add(id);
    next.push(...modules.get(id).importedIds);
  }
  return reached;
}
