import type { KindRule } from './classify.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Formats by file name, wherever the file is. */
export const FORMAT_RULES: readonly KindRule[] = [
  { kind: 'json', extensions: words('json ipynb') },
  {
    kind: 'text',
    extensions: words(`
      md mdx markdown txt text rst adoc org tex log
      yaml yml toml ini cfg conf properties env jsonc json5 xml html htm svg css scss less csv tsv sql graphql proto
      js mjs cjs jsx ts mts cts tsx vue svelte py pyi rb php pl lua r jl sh bash zsh fish ps1 bat cmd
      c h cc cpp cxx hpp cs java kt kts scala go rs swift m mm dart ex exs erl hs ml clj el vim nix tf diff patch
    `),
  },
  {
    kind: 'text',
    fileNames: words(`
      readme license licence notice changelog authors contributing makefile dockerfile justfile procfile gemfile rakefile
      .gitignore .gitattributes .gitmodules .dockerignore .npmignore .npmrc .nvmrc .editorconfig .env .bashrc .zshrc
      .claudeignore .prettierrc .eslintrc .tool-versions
    `),
  },
];

/** The first rule that holds decides. Changing a row moves names to another kind: a change of format, to be migrated. */
export const DEFAULT_RULES: readonly KindRule[] = [
  { kind: 'folder', pattern: 'skills/*/**/*' },
  { kind: 'history', pattern: 'history.jsonl' },
  { kind: 'transcript', pattern: 'projects/**/*.jsonl' },
  { kind: 'session-file', pattern: 'projects/*/*/tool-results/**' },
  { kind: 'session-file', pattern: 'projects/*/*/subagents/**' },
  { kind: 'session-file', pattern: 'todos/**' },
  { kind: 'session-file', pattern: 'tasks/**' },
  { kind: 'session-file', pattern: 'file-history/**' },
  { kind: 'jsonl', extensions: words('jsonl ndjson') },
  ...FORMAT_RULES,
];
