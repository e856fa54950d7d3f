// `npm start`: installs what is missing, builds, and runs the main job on the bundled sample.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installPackages, root, SetupError } from './setup.mjs';

try {
  installPackages();
} catch (error) {
  if (!(error instanceof SetupError)) {
    throw error;
  }
  console.error(error.message);
  process.exit(1);
}

// The bundler is one of the packages that may just have been installed.
await import('../esbuild.config.mjs');

const recipe = join('samples', 'fmnist-resnet20', 'resnet20.lathe.json');
const job = spawn(process.execPath, [join('dist', 'cli.js'), 'run', recipe, ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
});
// Ctrl-C reaches the job too, which ends with its state on disk; this process only passes its exit code on.
process.on('SIGINT', () => undefined);
job.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
});
