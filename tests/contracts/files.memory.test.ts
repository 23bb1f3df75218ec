import { createMemoryFiles, type MemoryFilesOptions } from '../../src/sources/files/memory-files.ts';
import { filesContract, type FilesUnderTest } from './files.ts';

function open(options: MemoryFilesOptions): FilesUnderTest {
  const files = createMemoryFiles(options);
  const { disk } = files;
  const text = (path: string): string | null => {
    const entry = disk.get(path);
    return entry?.type === 'file' ? Buffer.from(entry.body).toString() : null;
  };
  disk.write('/outside/secret', Buffer.from('secret'));
  return {
    files,
    hand: {
      write: (path, body, mode) => disk.write(path, Buffer.from(body), mode),
      append: (path, body) => disk.append(path, Buffer.from(body)),
      text,
      link: (path, target) => disk.link(path, target),
      folder: (path) => disk.makeFolder(path),
      remove: (path) => disk.remove(path),
      paths: () => disk.paths().filter((path) => !path.startsWith('/')),
      dropRoot: () => disk.dropRoot(),
      outside: '/outside',
      outsideText: (name) => text(`/outside/${name}`),
    },
    close: () => undefined,
  };
}

filesContract('memory', () => open({}));
filesContract('memory that folds case', () => open({ foldsCase: true }));
filesContract('memory that folds Unicode forms', () => open({ foldsUnicode: true, foldsCase: true }));
