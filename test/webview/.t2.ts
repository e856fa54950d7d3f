import { buildWebview, startServer, launchBrowser } from './host/webviewPage';
import { EditorSession } from './host/editorSession';
async function main() {
  await buildWebview();
  const { server, address } = await startServer();
  const b = await launchBrowser();
  const t = Date.now();
  const s = await EditorSession.open(b, address, (process.argv[2] ?? 'huge') as any, {}).catch((e) => {
    console.log(String(e).slice(0, 200));
  });
  console.log(Date.now() - t, s && (await s.allProblems()));
  await b.close();
  server.close();
}
void main();
