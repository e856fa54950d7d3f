/** The text of a program that the build bundles on its own. */
declare module '*?worker' {
  const source: string;
  export default source;
}
