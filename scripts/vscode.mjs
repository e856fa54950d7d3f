// `npm run vscode`: the extension on the sample workspace in a real VS Code server. Runs until it is interrupted.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setup, SetupError } from './setup.mjs';

try {
  setup({ vscode: true });
} catch (error) {
  if (!(error instanceof SetupError)) {
    throw error;
  }
  // A browser is the user's own here; anything else that is missing ends this.
  if (!error.message.startsWith('Chromium')) {
    console.error(error.message);
    process.exit(1);
  }
}
const built = spawnSync(process.execPath, ['esbuild.config.mjs'], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) {
  process.exit(1);
}
const { startServer } = await import('./vscodeServer.mjs');
const server = await startServer({ directory: join(root, '.vscode-test', 'home') });
const samples = join(root, 'samples');
console.log('VS Code with Lathe on the samples of this repository; open fmnist-resnet20/resnet20.onnx there:\n');
console.log(
  `  ${server.url(samples, [
    ['extensionDevelopmentPath', server.remote(root)],
    ['skipWelcome', 'true'],
  ])}\n`,
);
console.log('Ctrl-C ends it.');
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => void server.stop().then(() => process.exit(0)));
}
