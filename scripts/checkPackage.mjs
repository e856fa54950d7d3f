// Holds a .vsix to what may ship: every file matches a line below, every line is there, and the size stays in bounds.
import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';

const { platform, arch } = process;
/** [pattern, must be there] */
const allowed = [
  [/^\[Content_Types\]\.xml$/, true],
  [/^extension\.vsixmanifest$/, true],
  [/^extension\/package\.json$/, true],
  [/^extension\/package\.nls(\.[\w-]+)?\.json$/, true],
  [/^extension\/(readme|README)\.md$/, true],
  [/^extension\/(changelog|CHANGELOG)\.md$/, true],
  [/^extension\/LICENSE(\.txt|\.md)?$/, true],
  [/^extension\/dist\/(extension|worker|fitThread)\.js$/, true],
  [/^extension\/dist\/webview\/(compare|editor|history|review)\.(js|css)$/, true],
  [/^extension\/dist\/webview\/[\w-]+\.ttf$/, false],
  [/^extension\/l10n\/bundle\.l10n(\.[\w-]+)?\.json$/, true],
  [/^extension\/media\/(icon\.png|lathe\.svg|walkthrough\/\w+\.md)$/, true],
  [/^extension\/schemas\/lathe\.(recipe|lock|report)\.schema\.json$/, true],
  [
    /^extension\/samples\/fmnist-resnet20\/(README\.md|resnet20\.onnx|calibration\.npz|evaluation\.npz|resnet20\.lathe\.json)$/,
    true,
  ],
  [
    new RegExp(
      `^extension/dist/node_modules/onnxruntime-node/bin/napi-v6/${platform}/${arch}/onnxruntime_binding\\.node$`,
    ),
    true,
  ],
  [new RegExp(`^extension/dist/node_modules/onnxruntime-node/bin/napi-v6/${platform}/${arch}/[^/]+$`), true],
  [/^extension\/dist\/node_modules\/onnxruntime-node\/(package\.json|dist\/[\w-]+\.js)$/, true],
  [
    /^extension\/dist\/node_modules\/onnxruntime-common\/(package\.json|dist\/cjs\/[\w-]+\.js|dist\/cjs\/package\.json)$/,
    true,
  ],
  [/^extension\/dist\/node_modules\/highs\/(package\.json|LICENSE|build\/highs\.(js|wasm))$/, true],
  [/^extension\/dist\/node_modules\/sharp\/(package\.json|LICENSE|dist\/\w+\.cjs)$/, true],
  [
    /^extension\/dist\/node_modules\/@img\/[\w-]+\/(package\.json|LICENSE(\.md)?|README\.md|versions\.json|\w+\.cjs|lib\/.+)$/,
    true,
  ],
  [/^extension\/dist\/node_modules\/(detect-libc|semver)\/(package\.json|LICENSE|[\w/-]+\.js)$/, true],
];
/** ONNX Runtime alone is 16 to 35 MB packed, by platform. */
const LARGEST_BYTES = 60e6;
/**
 * Bytes of the bundles as they ship, about a third above what they are: one that grows past its line was fed something that
 * does not belong there, or deserves a line of its own in the change that raises it.
 */
const BUNDLE_BYTES = {
  'extension/dist/extension.js': 200e3,
  'extension/dist/worker.js': 1100e3,
  'extension/dist/fitThread.js': 300e3,
  'extension/dist/webview/editor.js': 450e3,
  'extension/dist/webview/editor.css': 60e3,
  'extension/dist/webview/review.js': 210e3,
  'extension/dist/webview/review.css': 30e3,
  'extension/dist/webview/history.js': 300e3,
  'extension/dist/webview/history.css': 60e3,
  'extension/dist/webview/compare.js': 250e3,
  'extension/dist/webview/compare.css': 40e3,
};

/** Throws a sentence for each file too many and each that is missing. */
export function checkPackage(vsix) {
  const names = [];
  const sizes = new Map();
  unzipSync(readFileSync(vsix), {
    filter: ({ name, originalSize }) => {
      names.push(name);
      sizes.set(name, originalSize);
      return false;
    },
  });
  const problems = names
    .filter((name) => !allowed.some(([pattern]) => pattern.test(name)))
    .map((name) => `${name} must not ship.`);
  for (const [pattern, required] of allowed) {
    if (required && !names.some((name) => pattern.test(name))) {
      problems.push(`Nothing in the package matches ${pattern}.`);
    }
  }
  for (const [name, limit] of Object.entries(BUNDLE_BYTES)) {
    const size = sizes.get(name) ?? 0;
    if (size > limit) {
      problems.push(`${name} has ${Math.ceil(size / 1e3)} KB; ${limit / 1e3} KB is its limit.`);
    }
  }
  const bytes = statSync(vsix).size;
  if (bytes > LARGEST_BYTES) {
    problems.push(`The package has ${(bytes / 1e6).toFixed(1)} MB; ${LARGEST_BYTES / 1e6} MB is the limit.`);
  }
  if (problems.length > 0) {
    throw new Error(`${vsix}:\n${problems.join('\n')}`);
  }
  const bundles = Object.keys(BUNDLE_BYTES).map((name) => [name.slice('extension/dist/'.length), sizes.get(name) ?? 0]);
  return { files: names.length, bytes, bundles };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(checkPackage(process.argv[2]));
}
