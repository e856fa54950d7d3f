import { closeShared } from './editorSuite';

// A root hook: runs once, after the last suite of all files.
after(async () => {
  await closeShared();
});
