import tseslint from 'typescript-eslint';

/** Who may import whom: docs/architecture.md draws it, this enforces it. Type-only imports count. */
const layers = {
  base: { may: [], why: 'base knows no domain' },
  protocol: { may: [], why: 'protocol is shared by every process and imports nothing' },
  onnx: { may: ['base'], why: 'onnx is the bottom layer: it knows files and graphs only' },
  kernels: { may: ['base'], why: 'kernels are pure numeric functions on typed arrays' },
  analysis: { may: ['onnx', 'kernels', 'base'], why: 'analysis asks questions and rewrites nothing' },
  passes: { may: ['analysis', 'onnx', 'kernels', 'base'], why: 'passes keep the function of a model' },
  methods: {
    may: ['passes', 'analysis', 'onnx', 'kernels', 'base'],
    why: 'methods get activations through InferenceRunner',
  },
  runtime: { may: ['analysis', 'onnx', 'base'], why: 'runtime only runs models' },
  job: {
    may: ['methods', 'passes', 'analysis', 'onnx', 'kernels', 'runtime', 'export', 'base'],
    why: 'job reports through callbacks',
  },
  export: {
    may: ['methods', 'passes', 'analysis', 'onnx', 'kernels', 'runtime', 'base'],
    why: 'export writes bundles',
  },
  cli: {
    may: ['job', 'export', 'methods', 'analysis', 'onnx', 'runtime', 'base'],
    why: 'the command line drives jobs',
  },
  worker: {
    may: ['job', 'export', 'methods', 'analysis', 'onnx', 'runtime', 'base', 'protocol'],
    why: 'the worker turns jobs into messages',
  },
  extension: { may: ['protocol', 'base'], why: 'model bytes do not enter the extension host' },
};
const names = Object.keys(layers);
/** Layers with a face: others import only their index. */
const faced = ['onnx', 'kernels', 'analysis', 'passes', 'methods'];

const packages = [
  { name: 'onnxruntime-node', only: 'runtime' },
  { name: 'onnxruntime-common', only: 'runtime' },
  { name: 'vscode', only: 'extension' },
];

const layerRules = names.map((name) => ({
  files: [`src/${name}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: packages
          .filter((p) => p.only !== name)
          .map((p) => ({ name: p.name, message: `Only src/${p.only} imports ${p.name}.` })),
        patterns: [
          {
            regex: `^(\\.\\./)+(${[...names.filter((n) => n !== name && !layers[name].may.includes(n)), 'webview'].join('|')})(/|$)`,
            message: `src/${name} may import ${layers[name].may.join(', ') || 'no other layer'}: ${layers[name].why}.`,
          },
          {
            regex: `^(\\.\\./)+(${faced.filter((n) => n !== name).join('|')})/`,
            message: 'Import the face of the layer (its index), not what is behind it.',
          },
        ],
      },
    ],
  },
}));

export default tseslint.config(
  {
    ignores: [
      'dist',
      'out',
      'node_modules',
      '.vscode-test',
      'samples',
      'test/fixtures',
      // AssemblyScript: its own compiler checks it.
      'assembly',
      '**/*.generated.ts',
      '**/*.mjs',
      '**/*.cjs',
      '**/*.js',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: [
          './tsconfig.core.json',
          './tsconfig.kernels.json',
          './tsconfig.protocol.json',
          './tsconfig.extension.json',
          './tsconfig.webview.json',
          './tsconfig.test.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // noUncheckedIndexedAccess makes index reads optional; "!" after a checked index is the honest form in tight code.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: 'error',
    },
  },
  ...layerRules,
  {
    files: ['webview/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^(\\.\\./)+src/(?!protocol)', message: 'Webviews import src/protocol only.' }] },
      ],
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'Names come from model files: use textContent.' },
      ],
    },
  },
  {
    files: ['src/protocol/**/*.ts', 'src/base/**/*.ts'],
    rules: { '@typescript-eslint/no-unnecessary-type-parameters': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
    rules: {
      'no-console': 'off',
      'no-restricted-properties': [
        'error',
        { object: 'describe', property: 'only', message: 'A focused test hides all others.' },
        { object: 'it', property: 'only', message: 'A focused test hides all others.' },
      ],
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
);
