import { createRequire } from 'node:module';
import type * as OnnxRuntime from 'onnxruntime-node';
import { runtimeMissing } from './errors';

export type Engine = typeof OnnxRuntime;

/** Platforms the package ships native files for. */
const SHIPPED = ['linux-x64', 'linux-arm64', 'win32-x64', 'win32-arm64', 'darwin-arm64'];

// A require made here is invisible to the bundler, so the package stays a package beside the bundle, native files and all.
const requirePackage = createRequire(__filename);

let engine: Engine | undefined;

/**
 * Loads the native package on first use. Usage reporting is switched off first: the library reads the variable once, when
 * it is loaded. Throws LatheError `runtime/missing`.
 */
export function loadEngine(): Engine {
  if (engine === undefined) {
    process.env['ORT_DISABLE_TELEMETRY'] = '1';
    try {
      engine = requirePackage('onnxruntime-node') as Engine;
      engine.env.logLevel = 'error';
    } catch (error) {
      throw runtimeMissing(platformName(), missingReason(error), error);
    }
  }
  return engine;
}

/** "onnxruntime-node 1.30.0 (cpu)", without loading native code. */
export function engineName(): string {
  try {
    const { version } = requirePackage('onnxruntime-node/package.json') as { version: string };
    return `onnxruntime-node ${version} (cpu)`;
  } catch {
    // Not installed: naming the engine must not fail, loading it says why.
    return 'onnxruntime-node (cpu)';
  }
}

function platformName(): string {
  return `${process.platform}-${process.arch}`;
}

/** Why the package does not load, and what to do about it. */
export function missingReason(error: unknown, platform = platformName()): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'MODULE_NOT_FOUND' && /['"]onnxruntime-node['"]/.test(message)) {
    return 'the package onnxruntime-node is not installed beside Lathe; install it again';
  }
  if (!SHIPPED.includes(platform)) {
    return `onnxruntime-node ships no native files for ${platform}, only for ${SHIPPED.join(', ')}`;
  }
  if (code === 'MODULE_NOT_FOUND') {
    return `the native files of onnxruntime-node for ${platform} are missing; install the package made for this platform`;
  }
  if (platform.startsWith('win32') && /specified module could not be found|error 126|code 126/i.test(message)) {
    return (
      'a system library is missing (error 126); install the Microsoft Visual C++ 2015-2022 Redistributable for ' +
      platform.slice('win32-'.length)
    );
  }
  if (platform.startsWith('linux') && /GLIBC|ld-linux|musl|libstdc\+\+|libgcc/.test(message)) {
    return `it needs glibc 2.28 or later (Alpine and other musl systems are not supported): ${oneLine(message)}`;
  }
  return oneLine(message);
}

function oneLine(message: string): string {
  return message.split('\n', 1)[0]!.trim().replace(/\.$/, '');
}
