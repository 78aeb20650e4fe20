/** What a tarball may hold: the compiled sources, and what a registry shows. */
const allowed = [
  /^package\.json$/,
  /^README\.md$/,
  /^LICENSE$/,
  /^dist\/(?!.*\.test\.)[\w./-]+\.(?:d\.ts|js)$/,
]
const required = ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']

/**
 * What a tarball holds and should not, or should hold and does not, a sentence each.
 *
 * @param sources the package's sources by their path below `src/`
 */
export function contentProblems(paths: readonly string[], sources: readonly string[]): string[] {
  const modules = sources.map((source) => source.replace(/\.ts$/, ''))
  return [
    ...paths.filter((path) => !allowed.some((form) => form.test(path))).map((path) => `${path} is in it`),
    ...required.filter((path) => !paths.includes(path)).map((path) => `${path} is not in it`),
    ...modules
      .filter((module) => !paths.includes(`dist/${module}.js`))
      .map((module) => `${module}.ts is not built`),
  ]
}
