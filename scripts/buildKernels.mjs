// Compiles assembly/ to a TypeScript module that holds the WebAssembly bytes, so that every bundle carries them.
// `npm run build:kernels` writes it; `--check`, which a unit test runs, compares.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { main } from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const LINE = 116;

const generatedPath = join(root, 'src/kernels/masks/masksWasm.generated.ts');

/** The WebAssembly module of assembly/index.ts. Throws with the compiler's messages. */
async function compileKernels() {
  let binary;
  const { error, stderr } = await main(
    [
      'assembly/index.ts',
      ...['--outFile', 'masks.wasm', '--runtime', 'stub', '--enable', 'simd', '--noAssert'],
      ...['--optimizeLevel', '3', '--shrinkLevel', '0', '--initialMemory', '2'],
    ],
    {
      readFile: (name, folder) => readOrNull(join(folder, name)),
      writeFile: (name, contents) => {
        if (name === 'masks.wasm') {
          binary = contents;
        }
      },
      listFiles: () => null,
    },
  );
  if (error) {
    throw new Error(`assembly does not compile:\n${stderr.toString()}`, { cause: error });
  }
  return binary;
}

function readOrNull(path) {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return null;
  }
}

/** Text of the generated module. */
function generatedModule(binary) {
  const text = Buffer.from(binary).toString('base64');
  const lines = text.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return `// Generated from assembly/ by scripts/buildKernels.mjs: change that and run "npm run build:kernels".
export const masksWasm: string =
${lines.map((line) => `  '${line}'`).join(' +\n')};
`;
}

const binary = await compileKernels();
const text = generatedModule(binary);
if (process.argv.includes('--check')) {
  if (readFileSync(generatedPath, 'utf8') !== text) {
    console.error(`${generatedPath} is not what assembly/ compiles to: run "npm run build:kernels"`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(generatedPath, text);
  console.log(`${binary.length} bytes of WebAssembly written to ${generatedPath}`);
}
