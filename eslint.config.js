import { createNodeResolver, importX } from 'eslint-plugin-import-x'
import tseslint from 'typescript-eslint'

/** Arrows point one way: examples → plugins → redis-kit; tests alone use test-kit and link-test-kit. */
function mayNotImport(files, ignores, names, message) {
  return {
    files,
    ignores,
    rules: {
      'no-restricted-imports': ['error', { patterns: [{ regex: `^@stayfast/${names}(?:/|$)`, message }] }],
    },
  }
}

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/test-dist/**',
      '**/bench-dist/**',
      '**/chaos-dist/**',
      '**/.tap/**',
      '**/public/**',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    settings: {
      'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.js'] } })],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafePromises: [
            { from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' },
          ],
        },
      ],
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'import-x/no-extraneous-dependencies': ['error', { includeTypes: true }],
      'import-x/no-relative-packages': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    // What is published, or runs, stands on what it declares for that.
    files: ['**/src/**/*.ts'],
    rules: {
      'import-x/no-extraneous-dependencies': ['error', { devDependencies: false, includeTypes: true }],
    },
  },
  mayNotImport(
    ['packages/*/src/**/*.ts'],
    ['packages/redis-kit/**', 'packages/link-test-kit/**'],
    '(?!redis-kit(?:/|$)).*',
    'A plugin never imports a plugin: they meet on the Fastify instance.',
  ),
  mayNotImport(['packages/redis-kit/src/**/*.ts'], [], '.*', 'redis-kit stands on none of the others.'),
  mayNotImport(['examples/*/src/**/*.ts'], [], '(?:link-)?test-kit', 'Only tests import test-kit.'),
  {
    // tap ends a test when its async function returns, awaiting or not.
    files: ['**/test/**/*.ts'],
    rules: { '@typescript-eslint/require-await': 'off' },
  },
)
